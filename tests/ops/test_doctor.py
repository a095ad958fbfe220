"""`manage.py doctor`: a line for each thing that keeps shows from starting."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django import Settings

from mongodb.collections import collection
from mongodb.pending import APPLIED
from ops.doctor import PROBES
from taskqueue.heartbeat import CLUSTERS, beat
from taskqueue.messages import MESSAGES, document
from taskqueue.queues import Queue
from tests.conftest import FailCommand, connection

pytestmark = pytest.mark.django_db

REDIS = {"BACKEND": "config.redis_cache.JsonInRedis", "LOCATION": "redis://127.0.0.1:1"}
LANES = {queue.value: 1 for queue in Queue}
ONE_MEMBER = "members of the replica set: 1; with three, one may fail"
STAND_INS = [
    "warning  settings: REALTIME_BACKEND is locmem: choose a real one.",
    "warning  settings: RTC_BACKEND is locmem: choose a real one.",
]


@pytest.fixture(autouse=True)
def cluster(db: None) -> Iterator[None]:
    """A living qcluster."""
    beat("one", started_at=datetime.now(UTC), workers=LANES, deaths=0)
    yield
    assert PROBES not in connection.database.list_collection_names()


def doctor() -> tuple[int, list[str]]:
    """Return the exit code, and what is wrong or worth knowing."""
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=output)
    lines = [line for line in output.getvalue().splitlines() if not line.startswith("ok ")]
    return int(ended.value.code or 0), [line for line in lines if line not in STAND_INS and ONE_MEMBER not in line]


def test_healthy_deployment_has_no_findings() -> None:
    assert doctor() == (0, [])


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("PORT", 0, "settings: (ops.E008) PORT must be from 1 to 65535, not 0. `manage.py check` says what to do."),
        (
            "CACHE_URL",
            "redis:x",
            "settings: (ops.E005) CACHE_URL is not the URL of one Redis. `manage.py check` says what to do.",
        ),
    ],
)
def test_errors_of_settings_are_reported(settings: Settings, name: str, value: object, line: str) -> None:
    setattr(settings, name, value)

    assert doctor() == (1, [f"FAILED   {line}"])


def test_missing_cluster_is_reported() -> None:
    collection(CLUSTERS).update_one({}, {"$set": {"beat_at": datetime.now(UTC) - timedelta(seconds=16)}})

    assert doctor() == (1, ["FAILED   qcluster: none has reported for 15 s: start `manage.py qcluster`."])


def test_lane_without_workers_is_reported() -> None:
    beat("one", started_at=datetime.now(UTC), workers=LANES | {"showgoals-tell": 0}, deaths=0)

    line = "FAILED   qcluster: no workers for showgoals-tell: start a qcluster without -n."
    assert doctor() == (1, [line])


def test_waiting_message_is_reported() -> None:
    late = datetime.now(UTC) - timedelta(seconds=60)
    collection(MESSAGES).insert_one(document("payload", key=Queue.WORK.value, not_before=late))

    line = "FAILED   qcluster: a message has waited for 30 s: start more workers or hosts."
    assert doctor() == (1, [line])


def test_missing_migration_is_reported() -> None:
    applied = collection(APPLIED).find_one_and_delete({"app": "goals", "name": "0003_request_id"})
    found = doctor()
    collection(APPLIED).insert_one(applied)

    line = "FAILED   migrations: 1 are missing, first goals.0003_request_id: run `manage.py migrate`."
    assert found == (1, [line])


def test_mongodb_that_does_not_answer_is_reported(fail_command: FailCommand) -> None:
    fail_command("hello", times=100, errorCode=91)

    code, lines = doctor()

    assert (code, len(lines), lines[0].startswith("FAILED   mongodb: MongoDB does not answer: ")) == (1, 1, True)


def test_cache_that_does_not_answer_is_reported(settings: Settings) -> None:
    settings.CACHE_URL = "redis://127.0.0.1:1"
    settings.CACHES = {"default": settings.CACHES["default"] | REDIS}

    line = "warning  cache: the Redis of CACHE_URL does not answer, so all is slower: start it."
    assert doctor() == (0, [line])
