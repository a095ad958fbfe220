"""`/healthz` and `/readyz` tell supervisors and load balancers whether the server works."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from config import clock
from config.cache import circuit
from lab.bench.chaos.mongod import Mongod
from mongodb.collections import collection
from taskqueue import outages
from taskqueue.heartbeat import CLUSTERS, beat
from taskqueue.messages import MESSAGES, document
from taskqueue.queues import Queue
from tests.conftest import FailCommand
from tests.crash.server import KillableServer
from tests.factories.caches import in_redis
from tests.factories.client import Answer, ApiClient
from tests.factories.profiler import profiled
from tests.ops.metrics import read, scrape

CHECKS = dict.fromkeys(("mongodb", "migrations", "queue", "cluster", "cache"), "ok")
UNREADY = {"type": "about:blank", "title": "Service unavailable", "status": 503, "code": "not_ready"}


@pytest.fixture
def cluster(db: None) -> None:
    """A qcluster that is alive."""
    beat("one", started_at=datetime.now(UTC), workers={"showgoals": 2}, deaths=0)


def readyz() -> Answer:
    return ApiClient().get("/readyz")


def assert_unready(answer: Answer, **wrong: str) -> None:
    assert answer.status == 503
    assert answer.body == {**UNREADY, "detail": "The service is not ready.", "checks": CHECKS | wrong}
    assert (answer.headers["Content-Type"], answer.headers["Retry-After"]) == ("application/problem+json", "1")
    assert answer.headers["Cache-Control"] == "no-store"


def put(key: str, *, due_since: float) -> None:
    entry = document("payload", key=key, not_before=datetime.now(UTC) - timedelta(seconds=due_since))
    collection(MESSAGES).insert_one(entry)


def test_healthz_asks_no_database() -> None:
    answer = ApiClient(authorization="Bearer whatever").get("/healthz")

    assert (answer.status, answer.body) == (200, {"status": "ok"})


def test_ready_when_all_is_well(cluster: None) -> None:
    put(Queue.WORK.value, due_since=20)
    put(Queue.START.value, due_since=-60)
    put("another-product", due_since=600)

    answer = readyz()

    assert (answer.status, answer.body) == (200, {"status": "ok", "checks": CHECKS})
    assert answer.headers["Cache-Control"] == "no-store"


def test_unready_without_a_living_cluster(cluster: None) -> None:
    collection(CLUSTERS).update_one({"_id": "one"}, {"$set": {"beat_at": datetime.now(UTC) - timedelta(seconds=16)}})

    assert_unready(readyz(), cluster="none_alive")


def test_unready_when_a_cluster_cannot_take_its_locks(cluster: None) -> None:
    beat("two", started_at=datetime.now(UTC), workers={}, deaths=0, problem="/tmp/locks belongs to user 1, not to 2")
    assert_unready(readyz(), cluster="no_locks")

    beat("two", started_at=datetime.now(UTC), workers={}, deaths=0)
    assert readyz().status == 200


def test_unready_when_no_cluster_knows_the_time(db: None) -> None:
    clock.doubt()
    beat("one", started_at=datetime.now(UTC), workers={}, deaths=0)
    assert_unready(readyz(), cluster="no_clock")

    clock.forget()
    beat("two", started_at=datetime.now(UTC), workers={}, deaths=0)
    assert readyz().status == 200


@pytest.mark.parametrize("queue", Queue)
def test_unready_when_a_due_message_is_not_claimed(cluster: None, queue: Queue) -> None:
    put(queue.value, due_since=31)

    assert_unready(readyz(), queue="late")


def test_ready_while_messages_wait_for_a_vendor_that_is_away(cluster: None) -> None:
    outages.begin("pusher")
    put(Queue.AUDIENCE.value, due_since=600)

    assert readyz().status == 200


def test_ready_while_the_cache_is_away(cluster: None, settings: Any) -> None:
    settings.CACHES = in_redis("unix:///no/such/socket")
    answer = readyz()
    scraped = scrape()
    circuit.worked()

    assert (answer.status, answer.body) == (200, {"status": "ok", "checks": CHECKS | {"cache": "away"}})
    assert scraped.of("cache_up") == {(): 0}
    assert scraped.of("cache_failures_total")[()] > 0


def test_unready_before_migrations_are_applied(cluster: None) -> None:
    applied = collection("django_migrations").find_one_and_delete({"app": "goals", "name": "0003_request_id"})
    answer = readyz()
    collection("django_migrations").insert_one(applied)

    assert_unready(answer, migrations="pending")


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("find", {"mongodb": "away", "migrations": "unknown", "queue": "unknown", "cluster": "unknown"}),
        ("hello", {"mongodb": "away", "migrations": "unknown", "queue": "unknown", "cluster": "unknown"}),
    ],
)
def test_unready_when_mongodb_answers_errors(
    cluster: None, fail_command: FailCommand, command: str, wrong: dict[str, str]
) -> None:
    fail_command(command, times=100, errorCode=91)

    assert_unready(readyz(), **wrong)


def test_readiness_costs_a_few_quick_queries(cluster: None) -> None:
    with profiled() as profile:
        assert readyz().status == 200

    assert [query.collection for query in profile.queries] == [
        *("django_migrations", "vendor_outages", *["django_q_ormq"] * len(Queue), "task_clusters")
    ]
    assert {query.collection for query in profile.queries if "COLLSCAN" in query.stages} == {"django_migrations"}


@pytest.mark.parametrize("method", ["post", "patch"])
def test_probes_only_answer_get(db: None, method: str) -> None:
    assert getattr(ApiClient(), method)("/readyz", {}).problem == (405, "method_not_allowed", [])


@pytest.fixture
def server(mongod: Mongod, child_environment: dict[str, str]) -> Iterator[KillableServer]:
    server = KillableServer(child_environment | {"MONGODB_URI": mongod.uri})
    server.start()
    yield server
    server.close()


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.xdist_group("mongod")  # a server that comes back must find its port free
def test_killed_mongodb_is_reported_in_time(mongod: Mongod, server: KillableServer) -> None:
    """The database is empty, so no migration is applied and no cluster is alive. After the kill, both are unknown."""
    before = ask(server)
    mongod.kill()
    away = [ask(server) for _ in range(5)]
    answer = requests.get(f"{server.url}/metrics", timeout=5)
    mongod.start()
    while (back := ask(server)) == away[0]:
        time.sleep(0.1)

    empty = CHECKS | {"migrations": "pending", "cluster": "none_alive"}
    assert (before, back) == ((503, empty), (503, empty))
    assert away == [(503, dict.fromkeys(CHECKS, "unknown") | {"mongodb": "away", "cache": "ok"})] * 5
    assert (answer.status_code, read(answer.text).of("mongodb_up")) == (200, {(): 0})
    assert requests.get(f"{server.url}/healthz", timeout=1).status_code == 200


def ask(server: KillableServer) -> tuple[int, Any]:
    """Ask whether the server is ready. A negative response must not take long."""
    response = requests.get(f"{server.url}/readyz", timeout=2.5)
    return response.status_code, response.json()["checks"]
