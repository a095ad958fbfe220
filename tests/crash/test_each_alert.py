"""Each alert fires while something is wrong, and stops afterwards. A real Prometheus scrapes real servers.

The test writes the documents that qclusters would have written, because most of these faults take minutes to arise.
`test_real_alerts.py` causes some of the faults for real.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from bson import ObjectId
from pymongo.database import Database

from lab.bench.services import Supervisor, WebServer, web_server
from lab.demo.children import Children
from lab.stand_ins import run_stand_ins
from lab.wrong_clock import WrongClock
from tests.crash.members import Member, ReplicaSet
from tests.factories.caches import breakable_redis
from tests.ops.prometheus import Prometheus, prometheus, quick_rules
from tests.ops.test_alerts import rules

pytestmark = [
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.timeout(240),
    pytest.mark.needs("gcc", "promtool"),
    pytest.mark.xdist_group("mongod"),
]

DATABASE = "alerts"
WINDOW_SECONDS = 15
UP_WITHIN_SECONDS = 60.0
RINGS_WITHIN_SECONDS = 60.0
HOUR = timedelta(hours=1)
NOBODY = {"NoQcluster", "NoTasksDone"}
OF_MONGODB = {"MongodbAway", "MongodbMemberAway", "ServerErrors", "SlowAnswers"}

Document = dict[str, Any]


def cluster(deaths: int) -> Document:
    """Return the heartbeat of a qcluster whose clock is wrong and not steady. `deaths` counts dead workers."""
    now = datetime.now(UTC)
    of_clock = {"clock": "none", "skew_seconds": 3600.0}
    return {"_id": "c|host|1|2", "started_at": now, "beat_at": now + HOUR, "workers": {}, "deaths": deaths} | of_clock


def show(**changes: Any) -> Document:
    """Return a show that was due ten seconds ago."""
    due = datetime.now(UTC) - timedelta(seconds=10)
    waiting = {"active": False, "activated_at": None, "cancelled_at": None, "exp": None, "created_at": due - HOUR}
    return {"_cls": "ShowGoal", "nbf": due, "context": {"type": "show"}} | waiting | changes


def message(key: str, seconds: int) -> Document:
    """Return a message that has been due for this many seconds."""
    return {"key": key, "payload": "?", "owner": None, "lock": datetime.now(UTC) - timedelta(seconds=seconds)}


def chunk(states: str, *, sent: bool) -> Document:
    """Return a chunk of viewers, planned three minutes ago."""
    planned_at = datetime.now(UTC) - timedelta(minutes=3)
    return {"_id": ObjectId(), "states": states, "planned_at": planned_at, "sent_at": planned_at if sent else None}


def repairs(last_at: datetime) -> list[Document]:
    """Return the counters of missed shows, and of shows that a reconciler has started."""
    return [{"_id": kind, "count": 1, "last_at": last_at} for kind in ("goals.missed", "goals.started_by_reconciler")]


def good_state() -> dict[str, list[Document]]:
    """Return the documents, by collection, that two healthy qclusters write."""
    done = {"id": "done", "success": True, "stopped": datetime.now(UTC) + HOUR}
    right = cluster(deaths=0) | {"clock": "host", "skew_seconds": 0.0}
    clusters = [right, right | {"_id": "c|other|1|2"}]
    return {"task_clusters": clusters, "django_q_task": [done], "repairs": repairs(datetime.now(UTC) - HOUR)}


def bad_state() -> dict[str, list[Document]]:
    """Return documents, by collection, that show every fault that the database can show."""
    now, held = datetime.now(UTC), show()
    return {
        "task_clusters": [cluster(deaths=20)],
        "goals": [show(), held | {"held_nbf": held["nbf"]}, show(active=True, activated_at=now)],
        "django_q_ormq": [
            message("showgoals-start", 10),
            message("showgoals", 90),
            message("showgoals-unreadable", 0),
        ],
        "django_q_schedule": [{"name": "bad", "func": "nothing", "next_run": now - HOUR, "repeats": -1}],
        "django_q_task": [*good_state()["django_q_task"], {"id": "failed", "success": False}],
        "repairs": repairs(now),
        "vendor_outages": [{"_id": "byteplus", "since": now, "probe_at": now}],
        "notification_chunks": [chunk("f", sent=True), chunk("p", sent=False)],
        "recordings": [{"_id": ObjectId(), "state": "failed", "requested_at": now}],
        "webhook_endpoints": [
            {"enabled": True, "failing_since": now},
            {"enabled": False, "disabled_reason": "failing"},
        ],
    }


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """A replica set of one member that can be frozen."""
    one = ReplicaSet(tmp_path_factory.mktemp("mongodb"), members=1)
    try:
        one.start()
        yield one.members[0]
    finally:
        one.stop()


@pytest.fixture(scope="module")
def environment(mongod: Member, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment variables for servers on that replica set. The database is migrated."""
    uri, directory = f"mongodb://{mongod.host}/?replicaSet=rs0", tmp_path_factory.mktemp("data")
    with run_stand_ins(mongodb_uri=uri, database=DATABASE, directory=directory) as stand_ins:
        environment = stand_ins.environment()
        with Children(environment, directory) as children:
            children.run("migrate", ["manage.py", "migrate"])
        yield environment


@contextmanager
def server(environment: dict[str, str], directory: Path) -> Iterator[WebServer]:
    """Run a web server with a DATA_DIR of its own inside the block."""
    directory.mkdir()
    own = environment | {"DATA_DIR": str(directory)}
    with web_server(own, directory / "log") as web, Supervisor([web]) as supervisor:
        supervisor.wait_for(web.answers, "the server is up", seconds=UP_WITHIN_SECONDS)
        yield web


def watch(directory: Path, *servers: WebServer, every: str) -> AbstractContextManager[Prometheus]:
    """Return a Prometheus that scrapes the servers."""
    directory.mkdir()
    targets = [each.url.removeprefix("http://") for each in servers]
    return prometheus(directory, targets, quick_rules(WINDOW_SECONDS), every=every)


def test_alerts_ring_while_something_is_wrong_and_are_still_after_it(
    environment: dict[str, str], mongod: Member, tmp_path: Path
) -> None:
    clock = WrongClock(tmp_path / "clock")
    clock.set(-HOUR.total_seconds())
    # The second server has a wrong clock, and sends no events.
    wrong = {**clock.environment, "REALTIME_BACKEND": "console", "ALLOW_CONSOLE_BACKENDS": "on"}
    with (
        breakable_redis() as redis,
        mongod.connect() as client,
        server(environment | {"CACHE_URL": redis.url}, tmp_path / "right") as web,
        ExitStack() as stack,
    ):
        wrong_web = stack.enter_context(server(environment | wrong, tmp_path / "wrong"))
        with watch(tmp_path / "prometheus", web, wrong_web, every="1s") as running:
            database = client[DATABASE]
            wait_for(lambda: running.ringing() >= NOBODY)
            write(database, good_state())
            wait_for(lambda: not running.ringing() & NOBODY)

            write(database, bad_state())
            redis.process.send_signal(signal.SIGSTOP)
            wait_for(lambda: running.ringing() == set(rules()) - NOBODY - OF_MONGODB)

            redis.process.send_signal(signal.SIGCONT)
            stack.close()
            write(database, good_state())
            wait_for(lambda: running.ringing() == set())


def test_alerts_ring_while_mongodb_hangs_and_are_still_after_it(
    environment: dict[str, str], mongod: Member, tmp_path: Path
) -> None:
    # A scrape takes three seconds if MongoDB does not respond, so Prometheus scrapes only every five seconds.
    with server(environment, tmp_path / "web") as web, watch(tmp_path / "prometheus", web, every="5s") as running:
        mongod.signal(signal.SIGSTOP)
        try:
            wait_for(lambda: sign_in(web) and running.ringing() >= OF_MONGODB)
        finally:
            mongod.signal(signal.SIGCONT)
        wait_for(lambda: not running.ringing() & OF_MONGODB)


def write(database: Database[Document], state: dict[str, list[Document]]) -> None:
    """Empty all collections of `bad_state`, and write these documents."""
    for name in bad_state():
        database[name].delete_many({})
    for name, documents in state.items():
        database[name].insert_many(documents)


def sign_in(web: WebServer) -> bool:
    """Try to sign in, which needs MongoDB."""
    body = {"username": "nobody", "password": "nothing"}
    return requests.post(f"{web.url}/auth/token", json=body, timeout=30).status_code in (401, 503)


def wait_for(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + RINGS_WITHIN_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.2)
