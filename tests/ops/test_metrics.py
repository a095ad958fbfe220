"""`/metrics` reports what MongoDB stores about the queue, shows and their viewers."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from config import clock
from goals.models import Goal
from mongodb.collections import collection
from notifications.fanout.ledger import State
from notifications.models import NotificationChunk
from notifications.tasks import batch_notify_stream_authorized
from sessions_app.models import Session
from taskqueue import outages
from taskqueue.heartbeat import beat, count_repairs
from taskqueue.messages import MESSAGES, document
from taskqueue.queues import Queue
from tests.conftest import FailCommand
from tests.factories.goals import SessionFactory, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.profiler import WHOLE_INDEX, profiled
from tests.ops.metrics import scrape

pytestmark = pytest.mark.django_db

START, WORK = Queue.START.value, Queue.WORK.value
NOTHING = {(queue.value,): 0 for queue in Queue}


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def put(key: str, *, due_since: float = 1, **more: Any) -> None:
    collection(MESSAGES).insert_one(document("payload", key=key, not_before=ago(due_since)) | more)


def show(**times: Any) -> Goal:
    """Create a show with a streamer of its own, and set the times in its document."""
    goal: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=SessionFactory(), closed=True))
    collection("goals").update_one({"_id": goal.pk}, {"$set": times})
    return goal


def test_empty_product() -> None:
    found = scrape()

    assert found.of("mongodb_up") == {(): 1}
    assert found.of("queue_due") == NOTHING
    assert found.of("queue_oldest_due_seconds") == NOTHING
    assert found.of("shows") == {("scheduled",): 0, ("overdue",): 0, ("held",): 0, ("live",): 0}
    assert found.of("clusters") == {(): 0}
    assert found.of("mongodb_members") == {("reachable",): 1, ("away",): 0}
    assert found.of("starts") == {(): 0}
    assert "showgoals_start_lateness_seconds" not in found.samples
    assert found.of("repairs") == {}


def test_queue() -> None:
    put(WORK, due_since=90)
    put(WORK)
    put(WORK, due_since=-60)
    put(START, due_since=-60, owner="a-worker")
    put(f"{START}-unreadable")
    put("another-product")

    found = scrape()

    assert found.of("queue_due") == NOTHING | {(WORK,): 2}
    assert found.of("queue_claimed") == NOTHING | {(START,): 1}
    assert found.of("queue_unreadable") == NOTHING | {(START,): 1}
    oldest = found.of("queue_oldest_due_seconds")
    assert (oldest[START,], round(oldest[WORK,] / 10)) == (0, 9)


def test_tasks_and_repairs() -> None:
    ended = [(True, 1), (True, 45), (True, 70), (False, 1), (False, 10**6)]
    collection("django_q_task").insert_many(
        [{"id": str(number), "success": well, "stopped": ago(seconds)} for number, (well, seconds) in enumerate(ended)]
    )
    count_repairs("goals.started_by_reconciler", 2)
    count_repairs("goals.started_by_reconciler", 1)

    found = scrape()

    assert found.of("dead_letters") == {(): 2}
    assert found.of("tasks_done_last_minute") == {(): 2}
    assert found.of("repairs_total") == {("goals.started_by_reconciler",): 3}
    ((what, last),) = found.of("last_repair_timestamp_seconds").items()
    assert (what, time.time() - last < 60) == (("goals.started_by_reconciler",), True)


def test_clusters() -> None:
    for name, deaths in (("one", 2), ("two", 3)):
        beat(name, started_at=ago(60), workers={START: 2, WORK: 4}, deaths=deaths)
    beat("dead", started_at=ago(60), workers={START: 2, WORK: 4}, deaths=100)
    collection("task_clusters").update_one({"_id": "dead"}, {"$set": {"beat_at": ago(16)}})

    found = scrape()

    assert found.of("clusters") == {(): 2}
    assert found.of("workers") == NOTHING | {(START,): 4, (WORK,): 8}
    assert found.of("worker_deaths") == {(): 5}


def test_clocks() -> None:
    beat("one|boot|1|7|1", started_at=ago(60), workers={}, deaths=0)
    clock.set_lead(time.time() - 3600 - clock.steady_seconds())
    beat("two|boot|1|7|1", started_at=ago(60), workers={}, deaths=0)

    found = scrape()

    assert found.of("clusters_by_clock") == {("host",): 1, ("database",): 1, ("none",): 0}
    skews = {name: round(skew) for name, skew in found.of("clock_skew_seconds").items()}
    assert (skews, round(found.of("web_clock_skew_seconds")[()])) == ({("two",): -3600}, -3600)


def test_vendor_that_is_away() -> None:
    assert scrape().of("vendor_away") == {("byteplus",): 0, ("pusher",): 0}
    outages.begin("pusher")
    assert scrape().of("vendor_away") == {("byteplus",): 0, ("pusher",): 1}
    outages.end("pusher")
    assert scrape().of("vendor_away") == {("byteplus",): 0, ("pusher",): 0}


def test_shows_by_status() -> None:
    show()
    show(nbf=ago(2))  # due, but not late yet
    show(nbf=ago(60))
    show(nbf=(due := ago(60)), held_nbf=due)
    show(nbf=ago(60), cancelled_at=ago(70), active=False)
    show(nbf=ago(60), activated_at=ago(60))
    show(nbf=ago(60), activated_at=ago(60), exp=ago(1), active=False)

    assert scrape().of("shows") == {("scheduled",): 1, ("overdue",): 1, ("held",): 1, ("live",): 1}


def test_lateness_of_starts() -> None:
    due = ago(100).replace(microsecond=0)
    for milliseconds in (10, 20, 30):
        show(nbf=due, created_at=ago(200), activated_at=due + timedelta(milliseconds=milliseconds))
    # A show that is created after its `nbf` is due at its creation.
    show(nbf=ago(3000), created_at=due, activated_at=due + timedelta(milliseconds=40))
    show(nbf=ago(1000), created_at=ago(2000), activated_at=ago(900))  # started too long ago
    show(nbf=due, created_at=ago(200), activated_at=ago(50), exp=ago(10))  # has ended

    found = scrape()

    assert found.of("starts") == {(): 4}
    late = {quantile: round(value, 4) for (quantile,), value in found.of("start_lateness_seconds").items()}
    assert late == {"0.5": 0.025, "0.99": 0.0397, "1": 0.04}


def test_deliveries_by_state(session: Session, viewer: User) -> None:
    paid = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    started = ShowGoalFactory(funding_goal=paid, nbf=whole_second())
    batch_notify_stream_authorized(str(started.pk), started.context.funding_goal_id)
    assert NotificationChunk.objects.count() == 2  # preview and sd, of one viewer
    none = {(state.value,): 0 for state in State}
    assert scrape().of("deliveries") == none | {("planned",): 2}

    chunks = collection("notification_chunks")
    chunks.update_one({"preset": "sd"}, {"$set": {"states": "sspufrxxxeeo", "planned_at": ago(60)}})
    chunks.update_one({"preset": "preview"}, {"$set": {"states": "ss", "sent_at": ago(1)}})
    found = scrape()
    counts = {"planned": 2, "sent": 4, "unknown": 1, "failed": 1, "excluded": 3, "expired": 2, "superseded": 1}
    assert found.of("deliveries") == {(state,): count for state, count in counts.items()}
    assert round(found.of("oldest_unsent_seconds")[()] / 10) == 6

    chunks.update_many({}, {"$set": {"planned_at": ago(16 * 60)}})
    assert scrape().of("deliveries") == {(state.value,): 0 for state in State}


def test_recordings_by_state() -> None:
    states = ["requested", "started", "started", "verified", "failed"]
    collection("recordings").insert_many([{"state": state} for state in states])

    assert scrape().of("recordings") == {
        ("requested",): 1,
        ("started",): 2,
        ("stopped",): 0,
        ("verified",): 1,
        ("failed",): 1,
    }


def test_endpoints_by_state() -> None:
    failing = {"failing_since": datetime.now(UTC)}
    collection("webhook_endpoints").insert_many(
        [
            {"enabled": True, "failing_since": None},
            {"enabled": True, **failing},
            {"enabled": False, "disabled_reason": "gone", **failing},
            {"enabled": False, "disabled_reason": None, **failing},
        ]
    )

    assert scrape().of("webhook_endpoints") == {("working",): 1, ("failing",): 1, ("disabled",): 1, ("off",): 1}


def test_every_query_uses_an_index() -> None:
    put(WORK)
    show(nbf=ago(60), activated_at=ago(60))
    with profiled() as profile:
        scrape()

    assert [query.command for query in profile.queries if query.stages & {"COLLSCAN", "SORT"}] == []
    assert [query.command for query in profile.queries if WHOLE_INDEX in query.stages] == []
    assert {query.collection for query in profile.queries} == {
        *(
            "django_q_ormq",
            "django_q_schedule",
            "django_q_task",
            "goals",
            "notification_chunks",
            "recordings",
            "repairs",
            "task_clusters",
            "vendor_outages",
            "webhook_endpoints",
        )
    }


def test_scrape_says_that_mongodb_is_away(fail_command: FailCommand) -> None:
    fail_command("aggregate", "find", times=100, errorCode=91)

    found = scrape()

    assert found.of("mongodb_up") == {(): 0}
    assert "showgoals_clusters" not in found.samples
