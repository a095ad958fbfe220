"""A worker reads only signed packages, including those of the earlier release, and calls only durable tasks."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django_q.conf import Conf
from django_q.signing import SignedPackage
from django_q.tasks import async_task  # noqa: TID251 - what an earlier release and a shell queue with

from mongodb.collections import collection
from taskqueue.aside import MOST_AT_ONCE, Tried, take_back_readable
from taskqueue.broker import PreciseBroker
from taskqueue.messages import MESSAGES
from taskqueue.packages import pack, read, unpack
from taskqueue.periodic import PeriodicTasks, periodic_names
from taskqueue.queues import Queue
from taskqueue.worker import ClaimedTasks
from tests.factories.documents import stored
from tests.factories.profiler import WHOLE_INDEX, profiled
from tests.taskqueue.tasks import note

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, 0, 0, 5, tzinfo=UTC)
PACKAGE: dict[str, Any] = {"id": "a" * 32, "name": "note", "func": note.path, "args": ("one", 1, None, True, "\ud800")}
PACKAGE |= {"kwargs": {}, "group": None, "started": NOW, "request_id": "mine"}


def work(lane: Queue = Queue.WORK) -> Any:
    """Claim what is due, as a worker does, and return the task that the worker would run."""
    return ClaimedTasks(PreciseBroker(lane.value), run_once=True).get()


def earlier(**fields: Any) -> str:
    """Return a package as the earlier release has signed it."""
    payload: str = SignedPackage.dumps({**PACKAGE, **fields})
    return payload


def test_package_comes_back_as_it_was() -> None:
    assert unpack(pack({**PACKAGE, "save": False})) == {**PACKAGE, "save": False}


def test_package_is_plain_text() -> None:
    """A package contains no object that could run code."""
    note.enqueue("one")
    (message,) = stored(MESSAGES)

    text = message["payload"].partition(":")[0]
    assert json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))["args"] == ["one"]


def test_message_of_the_earlier_release_runs() -> None:
    assert unpack(earlier()) == PACKAGE


def test_hooks_and_chains_of_the_earlier_release_are_left_out() -> None:
    assert unpack(earlier(hook="os.system", chain=[("os.system", ("id",))], cached=True)) == PACKAGE


@pytest.mark.parametrize("function", ["os.system", "subprocess.call", "django.core.management.call_command", os.system])
def test_worker_calls_durable_tasks_only(function: Any, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    async_task(function, f"touch {marker}")

    assert work() == "STOP"
    ((message),) = stored(MESSAGES)
    assert (message["attempts"], "owner" in message, marker.exists()) == (1, False, False)


@pytest.mark.parametrize("path", ["os.system", "taskqueue.broker.release", "taskqueue.periodic.every"])
def test_signed_message_of_another_function_is_listed_in_the_end(path: str, settings: Any) -> None:
    async_task(path, "x")
    collection(MESSAGES).update_one({}, {"$set": {"attempts": 19}})

    assert work() == "STOP"
    ((result),) = stored("django_q_task")
    assert (result["success"], path in result["result"], stored(MESSAGES)) == (False, True, [])


def test_message_that_an_earlier_worker_set_aside_comes_back() -> None:
    note.enqueue("one", subject="6811bfd5d273022b46570ae5")
    assert note.is_queued("6811bfd5d273022b46570ae5")
    broker = PreciseBroker()
    (claim,) = broker.claim()
    broker.set_aside(claim.message_id)
    assert not note.is_queued("6811bfd5d273022b46570ae5")
    collection(MESSAGES).insert_one({"key": f"{Queue.WORK.value}-unreadable", "payload": "forged", "lock": NOW})
    assert work() == "STOP"

    assert [take_back_readable([Queue.WORK.value], Tried()) for _ in range(2)] == [1, 0]
    assert work()["args"] == ("one",)
    assert sorted(message["key"] for message in stored(MESSAGES)) == ["showgoals", "showgoals-unreadable"]


@pytest.mark.parametrize("days", [-1, 1], ids=["older", "newer"])
@pytest.mark.parametrize("lane", [Queue.AUDIENCE, Queue.WORK])
def test_messages_that_stay_unreadable_keep_no_other_set_aside(lane: Queue, days: int) -> None:
    forged = {"key": f"{lane.value}-unreadable", "payload": "forged", "lock": NOW + timedelta(days=days)}
    collection(MESSAGES).insert_many({**forged, "number": number} for number in range(MOST_AT_ONCE))
    note.enqueue("one", at=NOW)
    collection(MESSAGES).update_one({"name": "note"}, {"$set": {"key": f"{Queue.WORK.value}-unreadable"}})
    tried, lanes = Tried(), [queue.value for queue in Queue]
    taken = sum(take_back_readable(lanes, tried) for _ in range(2))
    with profiled() as profile:
        taken += take_back_readable(lanes, tried)

    assert (taken, work()["args"]) == (1, ("one",))
    assert [query for query in profile.queries if query.stages & {"COLLSCAN", WHOLE_INDEX, "SORT"}] == []
    (look,) = [query.command for query in profile.queries if "filter" in query.command]
    assert len(look["filter"]["_id"]["$nin"]) == MOST_AT_ONCE  # none of them is read again soon


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(milliseconds=1)], ids=["due at once", "due one by one"])
def test_all_messages_are_tried_before_one_is_tried_again(monkeypatch: pytest.MonkeyPatch, apart: timedelta) -> None:
    monkeypatch.setattr("taskqueue.aside.TRY_AGAIN_SECONDS", 0)
    monkeypatch.setattr("taskqueue.aside.MOST_TRIED", MOST_AT_ONCE)
    key, tried = f"{Queue.WORK.value}-unreadable", Tried()
    forged = [{"key": key, "payload": "forged", "lock": NOW + number * apart} for number in range(3 * MOST_AT_ONCE)]
    collection(MESSAGES).insert_many(forged)
    for _pass in range(2):
        note.enqueue("one", at=NOW - timedelta(days=1))
        collection(MESSAGES).update_one({"name": "note", "key": Queue.WORK.value}, {"$set": {"key": key}})

        assert [take_back_readable([Queue.WORK.value], tried) for _look in range(4)] == [0, 0, 0, 1]
        collection(MESSAGES).delete_one({"name": "note"})


def test_message_without_a_package_is_set_aside_and_stops_no_other() -> None:
    collection(MESSAGES).insert_one({"key": Queue.WORK.value, "lock": NOW})
    note.enqueue("one")

    assert work()["args"] == ("one",)
    assert take_back_readable([Queue.WORK.value], Tried()) == 0
    assert sorted(message["key"] for message in stored(MESSAGES)) == ["showgoals", "showgoals-unreadable"]


def test_message_that_earlier_workers_took_again_and_again_is_not_given_up() -> None:
    note.enqueue("one")
    broker = PreciseBroker()
    for _ in range(Conf.MAX_ATTEMPTS):
        (claim,) = broker.claim()
        broker.set_aside(claim.message_id)
        take_back_readable([Queue.WORK.value], Tried())

    assert work()["args"] == ("one",)


def test_periodic_task_that_can_not_be_read_is_queued_anew() -> None:
    collection("events").insert_one({"place": None})  # without an event, `send_webhooks_again` is not queued
    PeriodicTasks().enqueue_due(NOW)
    collection(MESSAGES).update_many({}, {"$set": {"payload": "signed with another key"}})
    assert [work(lane) for lane in (Queue.WORK, Queue.WEBHOOK)] == ["STOP", "STOP"]

    PeriodicTasks().enqueue_due(NOW)
    waiting = stored(MESSAGES)
    assert {message["name"] for message in waiting} == periodic_names()
    assert all(read(message["payload"]) for message in waiting)
