"""A real qcluster calls BytePlus at the pace that the account allows. Starts go first, in the order of the shows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bson import ObjectId

from lab.loopback.byteplus import RUNNING, BytePlusLoopback
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from sessions_app.models import RecordingState
from sessions_app.recordings.state import request_recording, task_id
from sessions_app.recordings.tasks import MOST_CHECKS, check_recording, start_record
from sessions_app.rtc.byteplus import CONCURRENCY
from taskqueue.queues import Queue
from tests.contract import keys
from tests.taskqueue.clusters import QCluster, eventually

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.e2e]

PER_SECOND = 100
STARTS = 60
CHECKS = 1000
ROOM = "6811bfd5d273022b46570ae5"


@pytest.fixture
def vendor() -> Iterator[BytePlusLoopback]:
    """A vendor 20 ms away that refuses calls over its limit."""
    with BytePlusLoopback(
        app_id=keys.BYTEPLUS_APP_ID,
        access_key=keys.BYTEPLUS_ACCESS_KEY,
        secret_key=keys.BYTEPLUS_SECRET_KEY,
        latency=0.02,
    ) as server:
        server.limit_calls(PER_SECOND)
        server.keep_exchanges()
        yield server


@pytest.fixture
def worker(child_environment: dict[str, str], vendor: BytePlusLoopback, tmp_path: Path) -> Iterator[None]:
    """A cluster of one worker for recordings."""
    environment = {
        "RTC_BACKEND": "byteplus",
        "BYTEPLUS_APP_ID": keys.BYTEPLUS_APP_ID,
        "BYTEPLUS_ACCESS_KEY": keys.BYTEPLUS_ACCESS_KEY,
        "BYTEPLUS_SECRET_KEY": keys.BYTEPLUS_SECRET_KEY,
        "BYTEPLUS_HOST": vendor.address,
        "BYTEPLUS_SCHEME": "http",
        "BYTEPLUS_QPS": str(PER_SECOND),
        "Q_WORKERS": "1",
    }
    cluster = QCluster(child_environment | environment, tmp_path / "qcluster.log", "-n", Queue.RECORD.value)
    yield
    cluster.kill_tree()


def plant(count: int, *, state: RecordingState) -> list[str]:
    """Insert shows that are live, and their recordings. Return the ids of the shows."""
    now = datetime.now(UTC)
    live = {"_cls": "ShowGoal", "active": True, "activated_at": now, "exp": None, "cancelled_at": None}
    pks = [ObjectId() for _ in range(count)]
    collection("goals").insert_many([{"_id": pk, **live} for pk in pks])

    def request() -> None:
        for pk in pks:
            request_recording(str(pk), session_id=ROOM, streamer_id=str(ObjectId()), now=now)

    run_in_transaction(request)
    collection("recordings").update_many({"_id": {"$in": pks}}, {"$set": {"state": state.value}})
    return [str(pk) for pk in pks]


def actions(vendor: BytePlusLoopback) -> list[str]:
    """Return the requested actions, in the order of their arrival."""
    assert vendor.exchanges is not None
    return [request.query["Action"] for request, _answer in sorted(vendor.exchanges, key=lambda each: each[0].at)]


@pytest.mark.usefixtures("worker")
def test_starts_go_before_checks_that_wait(vendor: BytePlusLoopback) -> None:
    for goal_id in plant(CHECKS, state=RecordingState.STARTED):
        vendor.tasks[ROOM, task_id(goal_id)] = {"Status": RUNNING}
        check_recording.enqueue(goal_id, subject=goal_id)
    eventually(lambda: vendor.requests > 0)
    shows = plant(STARTS, state=RecordingState.REQUESTED)
    run_in_transaction(lambda: [start_record.enqueue(each, ROOM, "streamer", subject=each) for each in shows])
    before = len(actions(vendor))
    eventually(lambda: len(vendor.records) == STARTS)

    places = {task_id(goal_id): place for place, goal_id in enumerate(shows)}
    arrived = [places.pop(record["TaskId"]) for record in vendor.records]
    # Calls that are under way together may overtake each other.
    assert [
        place for place, expected in zip(arrived, range(STARTS), strict=True) if place - expected > CONCURRENCY
    ] == []
    assert actions(vendor)[before:].index("StartRecord") <= 2 * MOST_CHECKS
    since_first = actions(vendor)[actions(vendor).index("StartRecord") :][:STARTS]
    assert set(since_first) == {"StartRecord"}
    assert vendor.over_limit == 0
