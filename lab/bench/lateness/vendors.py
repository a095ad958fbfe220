"""The two vendors' stand-ins in a process of their own, as far away as a network makes them."""

import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lab.bench.lateness.witness import Pipe, answer_questions
from lab.demo.stage import PUSHER_APP_ID, Stage
from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.pusher import PusherLoopback

STARTED, AUTHORIZED = "goal.started", "stream.authorized"


@dataclass(frozen=True, slots=True)
class Heard:
    """What has come in since the last question: (channel, Unix seconds) of each `goal.started`, and counts."""

    started: list[tuple[str, float]]
    authorized: int
    refused: int


def stand_in(
    pipe: Pipe, *, latency_seconds: float, mongodb_uri: str, database: str, directory: Path, secret_key: str
) -> None:
    """Greet with the environment that makes the product's processes talk to the stand-ins, then answer with Heard.

    The secret key is the bench's own: it signs the messages that it enqueues.
    """
    with (
        PusherLoopback(
            app_id=PUSHER_APP_ID,
            key=secrets.token_hex(10),
            secret=secrets.token_hex(10),
            latency=latency_seconds,
            keep_data=False,
        ) as pusher,
        BytePlusLoopback(
            app_id=secrets.token_hex(12),
            access_key=secrets.token_hex(12),
            secret_key=secrets.token_hex(16),
            latency=latency_seconds,
        ) as byteplus,
    ):
        stage = Stage(
            pusher=pusher,
            byteplus=byteplus,
            mongodb_uri=mongodb_uri,
            database=database,
            directory=directory,
            secret_key=secret_key,
            stream_token_key=secrets.token_hex(32),
            byteplus_app_key=secrets.token_hex(16),
        )
        pipe.send(stage.environment())
        answer_questions(pipe, _News(stage).take)


class _News:
    """Remembers how far it has told."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._told = 0
        self._refused = 0

    def take(self) -> Heard:
        events = self._stage.pusher.events[self._told :]
        self._told += len(events)
        refused = self._stage.pusher.rejected + self._stage.byteplus.rejected
        newly_refused, self._refused = refused - self._refused, refused
        return Heard(
            started=[(event.channel, event.at) for event in events if event.name == STARTED],
            authorized=Counter(event.name for event in events)[AUTHORIZED],
            refused=newly_refused,
        )
