"""`goal.added` goes before `goal.started`, and preview events before sd events, unless the first try fails or hangs."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from goals.models import Goal
from goals.tasks import activate_goal
from lab.loopback.pusher import PusherLoopback
from mongodb.collections import collection
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_stream_authorized, notify_goal, send_chunk
from taskqueue.calls import Call
from taskqueue.packages import unpack
from tests.factories.goals import ShowGoalFactory, whole_second
from tests.factories.threads import at_once

pytestmark = pytest.mark.django_db

# A time so long that the order does not depend on how busy the machine is.
PATIENT_SECONDS = 5


@pytest.fixture(autouse=True)
def patience(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.in_order.NEW_FOR", timedelta(minutes=1))  # the fixtures may take a long time
    settings.ORDER_PATIENCE_SECONDS = 0.2


@pytest.fixture
def started(funding_goal: Goal) -> Goal:
    """A show that was started as soon as it was created. `goal.added` and `goal.started` are queued."""
    show = ShowGoalFactory(funding_goal=funding_goal, nbf=whole_second())
    activate_goal(str(show.pk), int(show.starts_at.timestamp()))
    return show


def as_worker(show: Goal, *names: str) -> Callable[[], object]:
    """Claim the messages of these events as a worker does, and return a function that sends the events together."""
    queue = collection("django_q_ormq")
    waiting = list(queue.find({"name": "notify_goal", "subject": str(show.pk)}))
    messages = {unpack(message["payload"])["args"]: message["_id"] for message in waiting}
    calls = [Call(args, message_id=messages[args]) for name in names for args in messages if args[0] == name]
    ids = {"_id": {"$in": [call.message_id for call in calls]}}
    queue.update_many(ids, {"$set": {"owner": "a worker", "attempts": 1}})

    def run() -> object:
        outcomes = notify_goal.run(calls)
        queue.delete_many(ids)
        return outcomes

    return run


def later(call: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        time.sleep(0.01)
        return call()

    return run


def test_show_that_starts_at_once_is_added_first(started: Goal, pusher: PusherLoopback, settings: Any) -> None:
    settings.ORDER_PATIENCE_SECONDS = PATIENT_SECONDS
    pusher.latency = 0.02
    started_call, added_call = as_worker(started, "goal.started"), as_worker(started, "goal.added")

    assert at_once([started_call, later(added_call)]) == [["sent"]] * 2

    names = list(dict.fromkeys(event.name for event in pusher.events))
    assert names == ["goal.added", "goal.started"]


def test_events_of_a_show_in_one_batch_are_sent_in_their_order(
    started: Goal, pusher: PusherLoopback, settings: Any
) -> None:
    settings.ORDER_PATIENCE_SECONDS = PATIENT_SECONDS
    pusher.latency = 0.02
    begun = time.perf_counter()

    assert as_worker(started, "goal.added", "goal.started")() == ["sent"] * 2

    assert time.perf_counter() - begun < PATIENT_SECONDS  # the task does not wait for itself
    assert [event.name for event in pusher.events] == ["goal.added"] * 3 + ["goal.started"] * 3


def test_start_does_not_wait_for_an_attempt_that_has_failed(
    started: Goal, pusher: PusherLoopback, settings: Any
) -> None:
    settings.ORDER_PATIENCE_SECONDS = PATIENT_SECONDS
    collection("django_q_ormq").update_many({"name": "notify_goal"}, {"$set": {"attempts": 1}})
    begun = time.perf_counter()
    as_worker(started, "goal.started")()
    assert time.perf_counter() - begun < PATIENT_SECONDS
    assert {event.name for event in pusher.events} == {"goal.started"}


def test_start_does_not_wait_long_for_an_attempt_that_hangs(started: Goal, pusher: PusherLoopback) -> None:
    as_worker(started, "goal.added")  # claims the message, but sends nothing
    as_worker(started, "goal.started")()
    assert {event.name for event in pusher.events} == {"goal.started"}


def test_preview_is_sent_before_sd(started: Goal, viewer: User, pusher: PusherLoopback, settings: Any) -> None:
    settings.ORDER_PATIENCE_SECONDS = PATIENT_SECONDS
    show = Goal.objects.get(pk=started.pk)
    exp = int(show.window[1].timestamp())
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id, show.version, exp)
    chunks = {chunk.preset: chunk.pk for chunk in NotificationChunk.objects.all()}
    pusher.latency = 0.02

    at_once([lambda: send_chunk(chunks["sd"]), later(lambda: send_chunk(chunks["preview"]))])

    presets = [event.channel.split(".")[1] for event in pusher.events]
    assert presets == ["preview", "sd"]


def test_sd_does_not_wait_for_a_preview_that_has_failed(started: Goal, pusher: PusherLoopback, settings: Any) -> None:
    settings.ORDER_PATIENCE_SECONDS = PATIENT_SECONDS
    show = Goal.objects.get(pk=started.pk)
    exp = int(show.window[1].timestamp())
    batch_notify_stream_authorized(str(show.pk), show.context.funding_goal_id, show.version, exp)
    collection("notification_chunks").update_one(
        {"preset": "preview"}, {"$set": {"attempts": 1, "settled_at": [show.created_at], "states": "u"}}
    )
    begun = time.perf_counter()
    send_chunk(NotificationChunk.objects.get(preset="sd").pk)
    assert time.perf_counter() - begun < PATIENT_SECONDS
