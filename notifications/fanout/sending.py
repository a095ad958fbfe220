"""Sends events in as few calls as the vendor allows: those of one chunk, or any others."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from django_q.conf import Conf

from config.errors import TransportError
from mongodb.transactions import collection
from notifications.backends import get_realtime
from notifications.backends.base import Batch, ChannelEvent, NotDelivered, Outcome, Trigger
from notifications.channels import viewer_channel
from notifications.events import SD, STREAM_AUTHORIZED, as_json
from notifications.fanout.ledger import State
from notifications.fanout.packing import pack
from notifications.models import NotificationChunk
from sessions_app.credentials import PaidWindow, SdCredentials

# After so many calls in a row that failed in passing, the vendor is down: the rest is left to a retry of the task.
DOWN_AFTER = 3
# So long before the task's time-out no call begins: the longest one must end, and be written down.
RESERVED_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """The calls that were made; all of them, unless the vendor is down or slow."""

    outcomes: list[Outcome]
    is_complete: bool


def deliver(events: Iterable[ChannelEvent]) -> Delivery:
    """Send the events, NOTIFY_CONCURRENCY calls at a time."""
    calls = _WhileUseful(pack(events))
    outcomes = []
    for outcome in get_realtime().send(calls):
        calls.note(outcome)
        outcomes.append(outcome)
    return Delivery(outcomes, calls.is_complete)


def send(events: Iterable[ChannelEvent]) -> None:
    """Send the events, or raise the first TransportError."""
    delivery = deliver(events)
    for outcome in delivery.outcomes:
        if outcome.error is not None:
            raise outcome.error
    if not delivery.is_complete:
        raise TransportError("Pusher is slow: not all calls were made.", permanent=False)


def deliver_chunk(chunk: NotificationChunk, *, now: datetime) -> dict[int, State]:
    """Send the chunk's event to everyone who has not got it for certain. Returns what is known now, by position.

    Whoever is not in the answer surely got nothing in this attempt.
    """
    ledger = chunk.ledger
    positions = {
        viewer_channel(chunk.streamer_id, chunk.preset, ledger.viewer(position)): position
        for position in ledger.to_send()
    }
    delivery = deliver(_events(chunk, positions, now=int(now.timestamp())))
    return {
        positions[channel]: state
        for outcome in delivery.outcomes
        if (state := _state(outcome.error)) is not State.PLANNED
        for channel in outcome.call.channels
    }


def is_too_late(chunk: NotificationChunk, *, now: datetime) -> bool:
    """Tell whether the access that the event grants is over: its end has come, or the show has ended before."""
    if chunk.name != STREAM_AUTHORIZED:
        return False
    running = {"_id": ObjectId(chunk.goal_id), "exp": None}
    over: bool = now.timestamp() >= chunk.payload["exp"]
    return over or collection("goals").find_one(running, {"_id": True}) is None


def _events(chunk: NotificationChunk, positions: dict[str, int], *, now: int) -> Iterator[ChannelEvent]:
    """Yield the events by channel; those of `sd` carry that viewer's own credentials, minted here, stored nowhere."""
    common, ledger = as_json(chunk.payload), chunk.ledger
    credentials = SdCredentials(_paid_window(chunk), now=now) if chunk.preset == SD else None
    for channel, position in positions.items():
        data = common
        if credentials is not None:
            data = as_json(chunk.payload | credentials.mint(ledger.viewer(position)))
        yield ChannelEvent(channel, chunk.name, data)


def _paid_window(chunk: NotificationChunk) -> PaidWindow:
    return PaidWindow(
        goal_id=chunk.goal_id,
        session_id=chunk.payload["session_id"],
        streamer_id=chunk.streamer_id,
        nbf=chunk.payload["nbf"],
        exp=chunk.payload["exp"],
    )


def _state(error: TransportError | None) -> State:
    if error is None:
        return State.SENT
    if error.permanent:
        return State.FAILED
    return State.PLANNED if isinstance(error, NotDelivered) else State.UNKNOWN


class _WhileUseful:
    """Hands the calls out, each built when its turn has come, until there are no more or it is no use."""

    def __init__(self, calls: Iterator[Trigger | Batch]) -> None:
        self.is_complete = False
        self._calls = calls
        self._failed_in_a_row = 0
        self._ends_at = time.monotonic() + Conf.TIMEOUT - RESERVED_SECONDS

    def __iter__(self) -> Iterator[Trigger | Batch]:
        while self._failed_in_a_row < DOWN_AFTER and time.monotonic() < self._ends_at:
            call = next(self._calls, None)
            if call is None:
                self.is_complete = True
                return
            yield call

    def note(self, outcome: Outcome) -> None:
        """Learn from what became of a call."""
        passing = outcome.error is not None and not outcome.error.permanent
        self._failed_in_a_row = self._failed_in_a_row + 1 if passing else 0
