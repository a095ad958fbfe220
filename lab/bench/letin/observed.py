"""What the vendors' stand-ins have accepted: who was let in when, and what was recorded."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from lab.bench.ledger import Told
from lab.bench.letin.loads import Vendor
from lab.bench.letin.vendors import Seen
from lab.bench.observers import AUTHORIZED
from lab.loopback.exchange import Answer, LoopbackRequest
from lab.loopback.pusher import events_of

# The channels of payers and streamers, and the ids of recordings.
PAYER_CHANNEL = re.compile(r"presence-stream-viewer@(?P<streamer>\w+)\.(?P<preset>preview|sd)\.\w+")
STREAMER_CHANNEL = re.compile(r"(?:private-stream|presence-stream|private-user)@(?P<streamer>\w+)")
TASK_ID = re.compile(r"show-(?P<goal>\w+)")


@dataclass(frozen=True, slots=True)
class Call:
    """An accepted call. `ids` has the ids of the streamers for a call to Pusher, or of the goal for BytePlus."""

    request: LoopbackRequest
    ids: frozenset[str]


@dataclass
class Observed:
    """What the stand-ins have accepted. Times are in Unix seconds.

    `calls` has the calls that the start of the shows needs, in order of their arrival. `let_in` has the first arrival
    of each sd event, by streamer and channel. `told` has the channel and the event_id of each `stream.authorized`, and
    `names` has the different (event_id, redelivery) of each channel. `recorded` has the first arrival of each goal's
    StartRecord.
    """

    calls: dict[Vendor, list[Call]] = field(default_factory=lambda: {vendor: [] for vendor in Vendor})
    let_in: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    told: set[Told] = field(default_factory=set)
    names: dict[str, set[tuple[str, int]]] = field(default_factory=lambda: defaultdict(set))
    recorded: dict[str, float] = field(default_factory=dict)


def observe_calls(pusher: Seen, byteplus: Seen) -> Observed:
    """Return what the vendors have accepted."""
    observed = Observed()
    for request in _accepted_by_pusher(pusher.exchanges):
        observed.calls[Vendor.PUSHER].append(Call(request, frozenset(_note_events(observed, request))))
    for request in _started_recordings(byteplus.exchanges):
        if task := TASK_ID.fullmatch((request.json_object() or {}).get("TaskId", "")):
            observed.calls[Vendor.BYTEPLUS].append(Call(request, frozenset([task["goal"]])))
            observed.recorded.setdefault(task["goal"], request.at)
    return observed


def _note_events(observed: Observed, request: LoopbackRequest) -> Iterator[str]:
    """Note the events of a call, and yield the ids of their streamers."""
    for event in events_of(request):
        if payer := PAYER_CHANNEL.fullmatch(event.channel):
            yield payer["streamer"]
            if event.name == AUTHORIZED:
                data = json.loads(event.data)
                observed.told.add((event.channel, data["event_id"]))
                observed.names[event.channel].add((data["event_id"], data.get("redelivery", 0)))
                if payer["preset"] == "sd":
                    observed.let_in[payer["streamer"]].setdefault(event.channel, event.at)
        elif streamer := STREAMER_CHANNEL.fullmatch(event.channel):
            yield streamer["streamer"]


def _accepted_by_pusher(exchanges: Sequence[tuple[LoopbackRequest, Answer]]) -> Iterator[LoopbackRequest]:
    """Yield the accepted requests in order of their arrival."""
    accepted = (request for request, answer in exchanges if answer.status == HTTPStatus.OK)
    yield from sorted(accepted, key=lambda request: request.at)


def _started_recordings(exchanges: Sequence[tuple[LoopbackRequest, Answer]]) -> Iterator[LoopbackRequest]:
    """Yield the accepted requests in order of their arrival. Starting a task that runs already counts as accepted."""
    for request, answer in sorted(exchanges, key=lambda exchange: exchange[0].at):
        action = parse_qs(urlsplit(request.target).query).get("Action")
        error = json.loads(answer.body)["ResponseMetadata"].get("Error", {}).get("Code", "")
        if action == ["StartRecord"] and error in ("", "InvalidParameter.TaskAlreadyExists"):
            yield request
