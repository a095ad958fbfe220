"""The id of the request that caused a task is in its message, log lines and timeline rows, and in tasks it enqueues."""

import json
from typing import Any

import pytest
from django_q.tasks import async_task  # noqa: TID251 - what django-q's own admin pages enqueue with

from api.request_id import current_request_id, request_id
from mongodb.transactions import run_in_transaction
from taskqueue.packages import unpack
from taskqueue.periodic import run_schedules
from tests.factories.documents import stored
from tests.taskqueue.clusters import eventually, messages, runs
from tests.taskqueue.conftest import StartCluster
from tests.taskqueue.tasks import fail_twice, note, start_then_note

pytestmark = pytest.mark.django_db


def carried() -> list[str]:
    """Return the request id of each message, as a worker reads it."""
    return [unpack(message["payload"])["request_id"] for message in stored("django_q_ormq")]


def test_message_carries_the_request(mine: None) -> None:
    note.enqueue("one")
    run_in_transaction(lambda: note.enqueue("two"))

    assert carried() == ["mine"] * 2
    assert [message["request_id"] for message in messages()] == ["mine"] * 2


def test_message_of_the_admin_carries_its_request(mine: None) -> None:
    async_task(note.path, "one")

    assert carried() == ["mine"]


def test_message_outside_a_request_says_so() -> None:
    note.enqueue("one")
    run_schedules.enqueue()

    assert carried() == ["-", "-"]


@pytest.mark.slow
@pytest.mark.e2e
def test_worker_works_for_the_request_and_hands_it_on(mine: None, start_cluster: StartCluster) -> None:
    start_then_note.enqueue("a")  # enqueues `note`
    fail_twice.enqueue("b")  # is retried
    request_id.set("-")
    note.enqueue("c")
    run_schedules.enqueue()
    cluster = start_cluster(LOG_FORMAT="json")
    eventually(lambda: not messages())

    lines = [json.loads(line) for line in cluster.log.read_text(encoding="utf-8").splitlines()]
    assert current_request_id() == "-"
    assert sorted((run["name"], run["what"]) for run in runs("a")) == [("a", "began"), ("a", "ran")]
    assert processed(lines, "mine") == ["fail_twice", "fail_twice", "fail_twice", "note", "start_then_note"]
    assert set(processed(lines, "-")) == {"note"}  # runs of periodic tasks are not logged
    assert {line["request_id"] for line in lines if line["message"].startswith("retry task=fail_twice")} == {"mine"}
    assert {line["request_id"] for line in lines if "ready for work" in line["message"]} == {"-"}


def processed(lines: list[Any], request: str) -> list[str]:
    """Return the tasks that workers began for the request."""
    said = [line["message"].split() for line in lines if line["request_id"] == request]
    return sorted(words[2] for words in said if words[1:2] == ["processing"])
