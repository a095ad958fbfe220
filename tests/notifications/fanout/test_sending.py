"""A chunk is sent through the real backend to the loopback server, despite failures of every kind."""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from config.libcurl import TRIES
from lab.loopback.pusher import PusherLoopback
from mongodb.collections import collection
from notifications.fanout.ledger import State
from notifications.models import NotificationEvent
from notifications.tasks import send_chunk
from tests.factories.documents import everything_stored
from tests.notifications.conftest import Audience
from tests.notifications.steps import chunk_of, deliveries, seen, send_and_fail

pytestmark = pytest.mark.django_db

VIEWERS = 25  # 3 batches of sd events
APPLIED_AND_NOT = pytest.mark.parametrize("applied", [False, True], ids=["lost", "applied"])
# Each function makes one call fail in a way that leaves open whether its event went out.
AMBIGUOUS: dict[str, Callable[[PusherLoopback, bool], None]] = {
    "HTTP 500": lambda server, applied: server.fail_next(status=500, times=TRIES, applied=applied),
    "hang": lambda server, applied: server.hang_next(seconds=5, times=TRIES, applied=applied),
    "reset": lambda server, applied: server.reset_next(times=TRIES, applied=applied),
    "truncated": lambda server, applied: server.truncate_next(times=TRIES, applied=applied),
}


def test_everybody_is_sent_both_events(pusher: PusherLoopback, planned: Audience) -> None:
    for preset in ("preview", "sd"):
        chunk_id = chunk_of(preset).pk
        assert [send_chunk(chunk_id), send_chunk(chunk_id)] == ["sent", "settled_before"]
        assert seen(pusher, preset) == Counter(planned.viewers)
        assert chunk_of(preset).ledger.counts() == Counter({State.SENT: VIEWERS})
    assert pusher.requests == 1 + 3
    assert deliveries(planned.show) == [
        ("planned", "preview: 25 viewers in 1 chunks"),
        ("planned", "sd: 25 viewers in 1 chunks"),
        ("sent", "preview: 25 viewers"),
        ("all_sent", "preview: 25 viewers in 1 chunks"),
        ("sent", "sd: 25 viewers"),
        ("all_sent", "sd: 25 viewers in 1 chunks"),
    ]


def test_sent_chunk_stores_its_times(pusher: PusherLoopback, planned: Audience) -> None:
    send_chunk(chunk_of().pk)
    chunk = chunk_of()
    assert (chunk.attempts, len(chunk.settled_at), chunk.settled_at[0]) == (1, 1, chunk.sent_at)
    assert chunk.last_attempt_at is not None
    assert chunk.sent_at is not None
    assert chunk.planned_at <= chunk.last_attempt_at <= chunk.sent_at <= datetime.now(UTC)
    assert NotificationEvent.objects.get(preset="sd").sent_at is not None


@pytest.mark.usefixtures("impatient")
@APPLIED_AND_NOT
@pytest.mark.parametrize("failure", AMBIGUOUS)
def test_ambiguous_call_is_sent_again_and_only_it(
    failure: str, pusher: PusherLoopback, planned: Audience, *, applied: bool
) -> None:
    AMBIGUOUS[failure](pusher, applied)
    error = send_and_fail(chunk_of().pk)

    assert (error.permanent, str(error.detail)) == (False, "10 of 25 viewers are left.")
    first_ten, others = planned.viewers[:10], planned.viewers[10:]
    assert seen(pusher) == Counter(first_ten * (TRIES if applied else 0) + others)
    ledger = chunk_of().ledger
    assert ledger.states == "u" * 10 + "s" * 15
    assert chunk_of().sent_at is None

    assert send_chunk(chunk_of().pk) == "sent"
    assert seen(pusher) == Counter(first_ten * (TRIES + 1 if applied else 1) + others)
    assert chunk_of().ledger.marked_in == bytes([2] * 10 + [1] * 15)
    assert len({json.loads(event.data)["event_id"] for event in pusher.events}) == 1


def test_refused_call_fails_and_is_not_sent_again(pusher: PusherLoopback, planned: Audience) -> None:
    pusher.fail_next(status=400)
    error = send_and_fail(chunk_of().pk)

    assert (error.permanent, str(error.detail)) == (True, "10 viewers were refused.")
    assert chunk_of().ledger.states == "f" * 10 + "s" * 15
    assert (send_chunk(chunk_of().pk), chunk_of().sent_at) == ("failed_before", None)
    assert seen(pusher) == Counter(planned.viewers[10:])
    assert deliveries(planned.show)[2:] == [("sent", "sd: 15 viewers"), ("failed", "sd: 10 viewers")]


def test_call_that_was_not_delivered_stays_planned(pusher: PusherLoopback, planned: Audience) -> None:
    pusher.fail_next(status=429, times=TRIES)
    send_and_fail(chunk_of().pk)
    assert chunk_of().ledger.states == "p" * 10 + "s" * 15
    assert (send_chunk(chunk_of().pk), seen(pusher)) == ("sent", Counter(planned.viewers))


def test_retry_sends_to_viewers_who_are_left_and_not_to_refused_ones(pusher: PusherLoopback, planned: Audience) -> None:
    pusher.fail_next(status=413)
    pusher.fail_next(status=503, times=TRIES)
    assert send_and_fail(chunk_of().pk).permanent is False
    assert chunk_of().ledger.states == "f" * 10 + "u" * 10 + "s" * 5
    assert send_chunk(chunk_of().pk) == "sent"
    assert chunk_of().ledger.states == "f" * 10 + "s" * 15


@pytest.mark.parametrize("over", ["its end has come", "the show has ended"])
def test_event_whose_access_is_over_is_not_sent(over: str, pusher: PusherLoopback, planned: Audience) -> None:
    if over == "the show has ended":
        collection("goals").update_one({"_id": planned.show.pk}, {"$set": {"exp": datetime.now(UTC)}})
    else:
        past = int(time.time()) - 1
        collection("notification_chunks").update_many({}, {"$set": {"payload.exp": past}})

    assert [send_chunk(chunk_of().pk), send_chunk(chunk_of().pk)] == ["expired", "settled_before"]
    assert (pusher.events, chunk_of().ledger.counts()) == ([], Counter({State.EXPIRED: VIEWERS}))
    assert chunk_of().sent_at is not None
    assert NotificationEvent.objects.get(preset="sd").closed_as == "expired"
    assert deliveries(planned.show)[-1] == ("expired", "sd: 25 viewers")


def test_tokens_are_stored_nowhere(pusher: PusherLoopback, planned: Audience, caplog: pytest.LogCaptureFixture) -> None:
    pusher.fail_next(status=500, times=TRIES)
    send_and_fail(chunk_of().pk)
    send_chunk(chunk_of().pk)

    events = [json.loads(event.data) for event in pusher.events]
    tokens = {event[name] for event in events for name in ("token", "byteplus_token")}
    tokens |= {event["byteplus_rtc_info"]["token"] for event in events}
    kept = str(everything_stored()) + caplog.text
    assert len(tokens) == 3 * VIEWERS
    assert [token for token in tokens if token in kept or token.rpartition(".")[2][:40] in kept] == []
