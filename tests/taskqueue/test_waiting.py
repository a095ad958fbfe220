"""A qcluster whose database can't be used yet waits, and says what it waits for."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mongodb.collections import collection
from mongodb.pending import APPLIED
from taskqueue.waiting import _reason
from tests.factories.documents import stored
from tests.lab.process_tree import descendants
from tests.taskqueue.clusters import QCluster, eventually, messages, runs
from tests.taskqueue.conftest import TASKS
from tests.taskqueue.tasks import note

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

LATEST = {"app": "goals", "name": "0003_request_id"}
LACKING = "the database lacks the migrations goals.0003_request_id: run manage.py migrate"
AWAY = "mongodb://me:hunter2@127.0.0.1:1/?replicaSet=rs0"
OURS = {"DJANGO_SETTINGS_MODULE": TASKS}
Start = Callable[..., QCluster]


@pytest.fixture
def start(child_environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    clusters: list[QCluster] = []

    def start(*arguments: str, **settings: str) -> QCluster:
        clusters.append(QCluster(child_environment | settings | OURS, tmp_path / f"{len(clusters)}.log", *arguments))
        return clusters[-1]

    yield start
    for cluster in clusters:
        cluster.kill_tree()


@pytest.fixture
def migrate(db: None) -> Iterator[Callable[[], None]]:
    """Make the database look like that of an earlier release. Yield a function that migrates it."""
    applied = [collection(APPLIED).find_one_and_delete(LATEST)]

    def insert() -> None:
        while applied:
            collection(APPLIED).insert_one(applied.pop())

    yield insert
    insert()


def said(cluster: QCluster) -> str:
    return cluster.log.read_text()


def test_cluster_waits_for_migrations_and_then_works(start: Start, migrate: Callable[[], None]) -> None:
    note.enqueue("a")
    cluster = start()
    eventually(lambda: f"cluster waits: {LACKING}" in said(cluster))
    assert (len(messages()), stored("task_clusters"), descendants(cluster.pid)) == (1, [], [])

    migrate()

    eventually(lambda: runs("a"))


def test_waiting_cluster_stops_in_order(start: Start, migrate: Callable[[], None]) -> None:
    cluster = start()
    eventually(lambda: LACKING in said(cluster))

    cluster.signal(signal.SIGTERM)

    assert (cluster.exit_code(), "Traceback" in said(cluster)) == (0, False)


def test_cluster_that_runs_once_does_not_wait(start: Start, migrate: Callable[[], None]) -> None:
    cluster = start("--run-once")

    assert (cluster.exit_code(), said(cluster)) == (1, f"manage.py: database_not_ready: {LACKING}\n")


def test_cluster_waits_for_mongodb(start: Start) -> None:
    cluster = start(MONGODB_URI=AWAY)
    eventually(lambda: "cluster waits: MongoDB does not answer: 127.0.0.1:1: " in said(cluster))
    cluster.signal(signal.SIGTERM)

    assert (cluster.exit_code(), "Traceback" in said(cluster), "hunter2" in said(cluster)) == (0, False, False)


def test_new_database_lacks_all_migrations(db: None) -> None:
    applied = stored(APPLIED)
    collection(APPLIED).delete_many({})
    reason = _reason()
    collection(APPLIED).insert_many(applied)

    assert reason.endswith(f" and {len(applied) - 5} more: run manage.py migrate")
    assert _reason() == ""
