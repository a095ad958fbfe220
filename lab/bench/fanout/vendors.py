"""The vendors' stand-ins in a process of their own: as far away as a network makes them, and as unreliable."""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

from lab.bench.lateness.vendors import AUTHORIZED
from lab.bench.lateness.witness import Pipe, answer_questions
from lab.demo.stage import Stage, set_stage
from lab.loopback.faults import Failure, Fault

# Longer than the client waits for an answer.
HANG_SECONDS = 8.0
# Half of the requests that fail have done what was asked: the client can't know.
SHARES = {
    Fault(Failure.STATUS, status=500): 0.025,
    Fault(Failure.STATUS, status=500, applied=True): 0.025,
    Fault(Failure.HANG, seconds=HANG_SECONDS): 0.005,
    Fault(Failure.HANG, seconds=HANG_SECONDS, applied=True): 0.005,
}


@dataclass(frozen=True, slots=True)
class Weather:
    """How Pusher fails: at random, and altogether for some seconds once so many requests have come."""

    seed: int
    down_after_requests: int
    down_seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What has come in: counts since the begin; (channel, event_id) of the news, if these are kept."""

    requests: int
    authorized: int
    refused: int
    cpu_seconds: float
    news: list[tuple[str, str]]


def stand_in(
    pipe: Pipe,
    *,
    rtt_seconds: float,
    weather: Weather | None,
    mongodb_uri: str,
    database: str,
    directory: Path,
    secret_key: str,
) -> None:
    """Greet with the environment that makes the product's processes talk to the stand-ins, then answer with Heard.

    The secret key is the bench's own: it signs the messages that it enqueues. Data are kept in bad weather only.
    """
    with set_stage(mongodb_uri=mongodb_uri, database=database, directory=directory) as stage:
        stage.pusher.latency = rtt_seconds
        stage.pusher.keep_data = weather is not None
        if weather:
            stage.pusher.fail_at_random(SHARES, seed=weather.seed)
            stage.pusher.go_down(after_requests=weather.down_after_requests, seconds=weather.down_seconds)
        pipe.send(replace(stage, secret_key=secret_key).environment())
        answer_questions(pipe, _News(stage).take)


class _News:
    """Remembers how far it has told."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._told = 0

    def take(self) -> Heard:
        pusher = self._stage.pusher
        events = pusher.events[self._told :] if pusher.keep_data else []
        self._told += len(events)
        return Heard(
            requests=pusher.requests,
            authorized=pusher.counts()["events"][AUTHORIZED],
            refused=pusher.rejected + self._stage.byteplus.rejected,
            cpu_seconds=time.process_time(),
            news=[(event.channel, json.loads(event.data)["event_id"]) for event in events if event.name == AUTHORIZED],
        )
