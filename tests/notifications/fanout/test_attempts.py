"""All viewers get their events even if attempts die, run at the same time, or find that Pusher is down."""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from config.libcurl import TRIES
from lab.loopback.pusher import PusherLoopback
from notifications.fanout.attempts import deliver_chunks
from notifications.fanout.ledger import State
from notifications.fanout.sending import DOWN_AFTER
from notifications.tasks import send_chunk
from tests.factories.threads import at_once
from tests.notifications.conftest import Audience
from tests.notifications.steps import begin_attempt, chunk_of, plan_show, seen, send_and_fail, store

pytestmark = pytest.mark.django_db

VIEWERS = 25


def test_dead_pusher_does_not_hold_a_worker(
    pusher: PusherLoopback, in_sequence: None, live: Callable[[int], Audience]
) -> None:
    audience = live(60)
    plan_show(audience)
    pusher.fail_next(status=503, times=TRIES * DOWN_AFTER)

    began = time.monotonic()
    error = send_and_fail(chunk_of().pk)

    assert time.monotonic() - began < 5
    assert str(error.detail) == "60 of 60 viewers are left."
    assert pusher.requests == TRIES * DOWN_AFTER
    assert chunk_of().ledger.states == "u" * 10 * DOWN_AFTER + "p" * 30
    assert (send_chunk(chunk_of().pk), seen(pusher)) == ("sent", Counter(audience.viewers))


def test_unreachable_pusher_leaves_everybody_planned(pusher: PusherLoopback, planned: Audience, settings: Any) -> None:
    with PusherLoopback(app_id="1", key="k", secret="s") as gone:
        options = {**settings.REALTIME["OPTIONS"], "port": gone.port}
    settings.REALTIME = {**settings.REALTIME, "OPTIONS": options}

    assert send_and_fail(chunk_of().pk).permanent is False
    assert chunk_of().ledger.counts() == Counter({State.PLANNED: VIEWERS})


def test_crash_between_sending_and_writing_sends_again(pusher: PusherLoopback, planned: Audience) -> None:
    deliver_chunks([begin_attempt(chunk_of().pk)], now=datetime.now(UTC))  # here the worker dies

    assert chunk_of().ledger.counts() == Counter({State.PLANNED: VIEWERS})
    assert send_chunk(chunk_of().pk) == "sent"
    assert seen(pusher) == Counter(planned.viewers * 2)
    assert {json.loads(event.data)["event_id"] for event in pusher.events} == {chunk_of().event_id}
    chunk = chunk_of()
    assert (chunk.attempts, chunk.settled_at) == (2, [None, chunk.sent_at])


def test_two_workers_with_the_same_chunk_lose_nothing(pusher: PusherLoopback, planned: Audience) -> None:
    one, other = (begin_attempt(chunk_of().pk) for _ in range(2))
    store(other, {0: State.SENT, 1: State.UNKNOWN, 2: State.FAILED})
    store(one, {0: State.UNKNOWN, 1: State.SENT, 3: State.SENT})

    assert chunk_of().ledger.states == "ssfs" + "p" * 21
    assert chunk_of().ledger.marked_in == bytes([2, 1, 2, 1]) + bytes(21)


def test_two_workers_at_once_send_everybody(pusher: PusherLoopback, planned: Audience) -> None:
    chunk_id = chunk_of().pk
    assert set(at_once([lambda: send_chunk(chunk_id)] * 2)) <= {"sent", "settled_before"}
    assert chunk_of().ledger.is_settled
    assert set(seen(pusher)) == set(planned.viewers)
