"""A real qcluster goes on when a MongoDB that was killed is back, and can be stopped while MongoDB is away."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from lab.bench.chaos.mongod import Mongod
from mongodb.pending import APPLIED
from taskqueue.messages import MESSAGES, Primitive, message
from taskqueue.queues import Queue
from tests.factories.documents import stored
from tests.taskqueue.clusters import QCluster, eventually
from tests.taskqueue.conftest import TASKS
from tests.taskqueue.tasks import RUNS, note, take

# These tests run one at a time, because a server that is restarted must find its port free.
pytestmark = [pytest.mark.django_db, pytest.mark.crash, pytest.mark.slow, pytest.mark.xdist_group("mongod")]

AWAY_SECONDS = 2


@pytest.fixture
def database(mongod: Mongod, child_environment: dict[str, str]) -> Iterator[Database[dict[str, Any]]]:
    # A client that is closed tells the server, and waits this long for a server that is away.
    with MongoClient[dict[str, Any]](mongod.uri, w="majority", serverSelectionTimeoutMS=5000) as client:
        yield client[child_environment["MONGODB_NAME"]]


@pytest.fixture
def cluster(
    mongod: Mongod, database: Database[dict[str, Any]], child_environment: dict[str, str], tmp_path: Path
) -> Iterator[QCluster]:
    """A running cluster. All migrations are marked as applied in its database."""
    database[APPLIED].insert_many(stored(APPLIED))
    environment = {"MONGODB_URI": mongod.uri, "Q_WORKERS": "2", "DJANGO_SETTINGS_MODULE": TASKS}
    started = QCluster(child_environment | environment, tmp_path / "qcluster.log")
    eventually(lambda: len(started.workers()) == 2)
    yield started
    started.kill_tree()


def enqueue(database: Database[dict[str, Any]], path: str, *args: Primitive) -> None:
    """Insert a message into this server's queue."""
    entry = message(path, args, key=Queue.WORK.value, not_before=datetime.now(UTC))
    database[MESSAGES].insert_one(entry)


def test_cluster_goes_on_when_mongodb_is_back(
    mongod: Mongod, database: Database[dict[str, Any]], cluster: QCluster
) -> None:
    enqueue(database, take.path, "a", 1000)
    for number in range(20):
        enqueue(database, note.path, str(number))
    eventually(lambda: database[RUNS].count_documents({"name": "a"}))
    mongod.kill()  # the running task ends meanwhile, and its result can't be written
    with pytest.raises(TimeoutError):
        cluster.exit_code(within=AWAY_SECONDS)
    mongod.start()

    eventually(lambda: not database[MESSAGES].count_documents({"owner": {"$exists": True}}))
    eventually(lambda: not database[MESSAGES].count_documents({"name": {"$in": ["note", "take"]}}))
    assert set(database[RUNS].distinct("name")) == {"a", *map(str, range(20))}
    assert database[RUNS].count_documents({"name": "a", "what": "ended"}) >= 1
    cluster.signal(signal.SIGTERM)
    assert cluster.exit_code() == 0


def test_cluster_stops_in_order_while_mongodb_is_away(mongod: Mongod, cluster: QCluster) -> None:
    mongod.kill()
    cluster.signal(signal.SIGTERM)

    assert cluster.exit_code() == 0
