"""`manage.py doctor` prints a line for each thing that keeps shows from starting."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from pytest_django import Settings

from config.cache import circuit
from mongodb.collections import collection
from mongodb.pending import APPLIED
from ops.doctor import PROBES
from ops.structure import expected_structure, read_structure
from taskqueue.heartbeat import CLUSTERS, beat
from taskqueue.messages import MESSAGES, document
from taskqueue.queues import Queue
from tests.conftest import FailCommand, connection
from tests.environment import ROOT
from tests.ops.doctor import LANES, doctor

pytestmark = pytest.mark.django_db

REDIS = {"BACKEND": "config.redis_cache.JsonInRedis", "LOCATION": "redis://127.0.0.1:1"}


UNENDED = (
    'db.goals.createIndex({"nbf": 1}, {"name": "unended", "partialFilterExpression": '
    '{"_cls": "ShowGoal", "exp": null, "cancelled_at": null}})'
)


@pytest.fixture(autouse=True)
def cluster(db: None) -> Iterator[None]:
    """A qcluster that is alive."""
    beat("one", started_at=datetime.now(UTC), workers=LANES, deaths=0)
    yield
    assert PROBES not in connection.database.list_collection_names()


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

    assert doctor() == (1, ["FAILED   qcluster: no qcluster has reported for 15 s: start `manage.py qcluster`."])


def test_wrong_clocks_are_reported() -> None:
    """Wrong clocks do not make the command fail."""
    beat("other|boot|1|7|1", started_at=datetime.now(UTC), workers=LANES, deaths=0)
    collection(CLUSTERS).update_one({"_id": "other|boot|1|7|1"}, {"$set": {"skew_seconds": -3600.0}})
    line = "clock: the database's clock is -3600.000 s ahead of that of other: synchronise both by NTP."

    assert doctor() == (0, [f"warning  {line}"])


def test_missing_clock_is_reported() -> None:
    collection(CLUSTERS).update_one({}, {"$set": {"clock": "none"}})
    line = "qcluster: no qcluster knows the time, because the clocks are not steady: synchronise all hosts by NTP."

    assert doctor() == (1, [f"FAILED   {line}"])


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

    line = "FAILED   migrations: the database lacks the migrations goals.0003_request_id: run manage.py migrate."
    assert found == (1, [line])


def test_mongodb_that_does_not_answer_is_reported(fail_command: FailCommand) -> None:
    fail_command("hello", times=100, errorCode=91)

    code, lines = doctor()

    assert (code, len(lines), lines[0].startswith("FAILED   mongodb: MongoDB does not answer: ")) == (1, 1, True)


@pytest.fixture
def cache_that_comes_back() -> Iterator[None]:
    yield
    circuit.worked()


def test_cache_that_does_not_answer_is_reported(settings: Settings, cache_that_comes_back: None) -> None:
    settings.CACHE_URL = "redis://127.0.0.1:1"
    settings.CACHES = {"default": settings.CACHES["default"] | REDIS}

    line = "warning  cache: the Redis of CACHE_URL does not answer, so everything is slower: start it."
    assert doctor() == (0, [line])


def test_structure_is_what_the_migrations_create() -> None:
    """If this test fails, write the file of the expected structure anew with `manage.py list_structure`."""
    assert read_structure() == expected_structure()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("unended", f"warning  indexes: goals lacks unended: run {UNENDED}."),
        ("one_show_a_funding_goal", "FAILED   indexes: goals lacks one_show_a_funding_goal: run db.goals.createIndex("),
    ],
)
def test_missing_index_is_reported_with_the_command(name: str, line: str) -> None:
    spec = next(each for each in expected_structure()["indexes"]["goals"] if each["name"] == name)
    collection("goals").drop_index(name)
    try:
        code, lines = doctor()
    finally:
        options = {option: value for option, value in spec.items() if option != "key"}
        collection("goals").create_index(spec["key"], **options)

    assert (code, len(lines)) == (int(line.startswith("FAILED")), 1), lines
    assert lines[0].startswith(line)
    assert doctor() == (0, [])


def test_missing_view_is_reported_with_the_command() -> None:
    view = expected_structure()["views"]["timeline_rows"]
    connection.database.drop_collection("timeline_rows")
    try:
        code, lines = doctor()
    finally:
        connection.database.create_collection("timeline_rows", **view)

    assert (code, len(lines)) == (1, 1), lines
    assert lines[0].startswith(
        'FAILED   views: timeline_rows is missing: run db.createView("timeline_rows", "goal_timeline", ['
    )


def test_clock_that_is_off_is_reported() -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=3), tick=True):
        code, lines = doctor()

    assert (code, len(lines)) == (0, 1), lines
    assert re.fullmatch(
        r"warning  clock: the database's clock is -[23]\.\d+ s ahead .*: synchronise both by NTP\.", lines[0]
    )


def test_transaction_that_no_majority_acknowledges_is_reported(fail_command: FailCommand) -> None:
    refusal = {"code": 64, "errmsg": "waiting for replication timed out"}
    fail_command("commitTransaction", times=1000, writeConcernError=refusal)

    code, lines = doctor()

    assert (code, len(lines)) == (1, 1), lines
    assert lines[0].startswith("FAILED   transactions: MongoDB does not answer: ")


def test_states_of_members_that_may_not_be_seen_are_reported(fail_command: FailCommand) -> None:
    fail_command("replSetGetStatus", errorCode=13)

    line = "the user of MONGODB_URI may not see the states of the members: give it the role clusterMonitor."
    assert doctor() == (0, [f"warning  members: {line}"])


def test_writes_that_wait_for_one_server_are_reported(child_environment: dict[str, str]) -> None:
    environment = child_environment | {"MONGODB_URI": f"{child_environment['MONGODB_URI']}&w=1"}
    command = [sys.executable, "manage.py", "doctor"]

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "FAILED   settings: (ops.E003) MONGODB_URI sets w to another value than the product needs." in done.stdout
