"""Two processes that observe the product from outside: its commits in MongoDB, and its requests to the vendors."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from django.conf import settings
from pymongo import MongoClient
from pymongo.change_stream import CollectionChangeStream
from pymongo.errors import PyMongoError

from lab.bench.environment import connection
from lab.bench.witness import Pipe, Witness, answer_questions
from lab.loopback.faults import Failure, Fault
from lab.stand_ins import StandIns, run_stand_ins

STARTED, AUTHORIZED = "goal.started", "stream.authorized"
# A request hangs for longer than the client waits for a response.
HANG_SECONDS = 8.0
# Half of the requests that fail have taken effect, but the client can't know that.
FAULTS = {
    Fault(Failure.STATUS, status=500): 0.025,
    Fault(Failure.STATUS, status=500, applied=True): 0.025,
    Fault(Failure.HANG, seconds=HANG_SECONDS): 0.005,
    Fault(Failure.HANG, seconds=HANG_SECONDS, applied=True): 0.005,
}
# The collection of goals.models.Goal. The processes don't set up Django, so they can't import models.
GOALS = "goals"
# MongoDB reports a change once its transaction is committed by the majority.
STARTS: list[dict[str, Any]] = [
    {"$match": {"operationType": "update", "updateDescription.updatedFields.activated_at": {"$type": "date"}}},
    {"$project": {"documentKey": True}},
]

# A goal's id or a channel, and when it was seen, in Unix seconds.
Sighting = tuple[str, float]


@dataclass(frozen=True, slots=True)
class PusherFaults:
    """How Pusher fails: some requests fail at random, and after a number of requests, all fail for some seconds."""

    seed: int
    down_after_requests: int
    down_seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What the vendors' stand-ins have received since the last question.

    `started` has the channels of each `goal.started`. `authorizations` has the channel and the event_id of each
    `stream.authorized` in a run with PusherFaults. Otherwise, it is empty, because the data of events are not kept.
    """

    requests: int
    authorized: int
    refused: int
    cpu_seconds: float
    started: list[Sighting]
    authorizations: list[tuple[str, str]]


@dataclass(frozen=True)
class Observers:
    """The two processes, and the environment in which the product's processes use the stand-ins as vendors."""

    environment: dict[str, str]
    directory: Path
    _commits: Witness
    _vendors: Witness

    def new_starts(self) -> list[Sighting]:
        """Return the starts that were committed since the last question."""
        seen: list[Sighting] = self._commits.ask()
        return seen

    def heard(self) -> Heard:
        """Return what the vendors have received since the last question."""
        heard: Heard = self._vendors.ask()
        return heard


@contextmanager
def observe(
    directory: Path, *, pusher_seconds: float, byteplus_seconds: float = 0.0, faults: PusherFaults | None = None
) -> Iterator[Observers]:
    """Run both processes inside the block. A vendor takes `pusher_seconds` or `byteplus_seconds` to respond."""
    with (
        run_vendors(
            directory, pusher_seconds=pusher_seconds, byteplus_seconds=byteplus_seconds, faults=faults
        ) as vendors,
        Witness(watch_starts, **_database()) as commits,
    ):
        yield Observers(vendors.greeting, directory, commits, vendors)


def run_vendors(directory: Path, **options: Any) -> Witness:
    """Return the process of both stand-ins. Its greeting is the environment of the product's processes.

    The environment has the benchmark's secret key, which signs the messages that the benchmark enqueues.
    """
    return Witness(stand_in, **_database(), directory=directory, secret_key=settings.SECRET_KEY, **options)


def watch_starts(pipe: Pipe, *, mongodb_uri: str, database: str) -> None:
    """Reply to each question with the starts committed since the last one. A goal that starts twice is seen twice."""
    seen: list[Sighting] = []
    client = MongoClient[dict[str, Any]](mongodb_uri)
    with client, client[database][GOALS].watch(STARTS) as stream:
        Thread(target=_note, args=(stream, seen), daemon=True).start()
        pipe.send("watching")
        answer_questions(pipe, lambda _question: _take(seen))


def stand_in(
    pipe: Pipe,
    *,
    pusher_seconds: float = 0.0,
    byteplus_seconds: float = 0.0,
    faults: PusherFaults | None = None,
    **options: Any,
) -> None:
    """Send the environment, and then reply to questions.

    If a question is a function, the reply is its result. Otherwise, the reply is Heard.
    """
    with run_stand_ins(**options) as stand_ins:
        pusher = stand_ins.pusher
        pusher.latency, stand_ins.byteplus.latency = pusher_seconds, byteplus_seconds
        pusher.keep_data = faults is not None
        if faults:
            pusher.fail_at_random(FAULTS, seed=faults.seed)
            pusher.go_down(after_requests=faults.down_after_requests, seconds=faults.down_seconds)
        news = _News(stand_ins)  # created before a client knows the ports, so that nothing is missed
        pipe.send(stand_ins.environment())
        answer_questions(pipe, lambda question: question(stand_ins) if question else news.take())


class _News:
    """Reports what the stand-ins have received since the last report."""

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins
        self._events = 0
        self._counted = self._counts()

    def take(self) -> Heard:
        counted, before = self._counts(), self._counted
        self._counted = counted
        pusher = self._stand_ins.pusher
        events = pusher.events[self._events :]
        self._events += len(events)
        authorized = [event for event in events if event.name == AUTHORIZED]
        requests, refused, cpu_seconds = (now - then for now, then in zip(counted, before, strict=True))
        return Heard(
            requests=int(requests),
            authorized=len(authorized),
            refused=int(refused),
            cpu_seconds=cpu_seconds,
            started=[(event.channel, event.at) for event in events if event.name == STARTED],
            authorizations=[(event.channel, json.loads(event.data)["event_id"]) for event in authorized if event.data],
        )

    def _counts(self) -> tuple[float, float, float]:
        pusher, byteplus = self._stand_ins.pusher, self._stand_ins.byteplus
        return pusher.requests, pusher.rejected + byteplus.rejected, time.process_time()


def _database() -> dict[str, Any]:
    return {"mongodb_uri": connection.get_connection_params()["host"], "database": connection.settings_dict["NAME"]}


def _note(stream: CollectionChangeStream[dict[str, Any]], seen: list[Sighting]) -> None:
    with suppress(PyMongoError):  # the benchmark is over, and the client is closed
        for change in stream:
            seen.append((str(change["documentKey"]["_id"]), time.time()))  # noqa: PERF401 - another thread reads it


def _take(seen: list[Sighting]) -> list[Sighting]:
    count = len(seen)
    taken = seen[:count]
    del seen[:count]
    return taken
