"""Results are stored where django-q looks for them, and are found by their ids."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django_q.models import Failure, Success
from django_q.tasks import fetch

from taskqueue.results import RESULTS, keep_failure, keep_successes
from tests.factories.documents import stored
from tests.factories.profiler import profiled

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def task(**changes: Any) -> dict[str, Any]:
    """Return a task that has ended, in the form in which the worker stores it."""
    return {
        "id": "a" * 32,
        "name": "greet",
        "func": "tests.taskqueue.test_durable.greet",
        "args": ("you", 1, None),
        "kwargs": {},
        "group": "6811bfd5d273022b46570ae5",
        "cluster": "showgoals",
        "started": NOW,
        "stopped": NOW,
        "result": "hello you",
        "success": True,
        **changes,
    }


def test_success_is_stored_as_text_where_django_q_finds_it() -> None:
    keep_successes([task()])

    (result,) = stored(RESULTS)
    assert result | {"_id": None} == {
        "_id": None,
        **task(),
        "args": '["you", 1, null]',
        "kwargs": "{}",
        "result": '"hello you"',
        "started": NOW.replace(tzinfo=None),
        "stopped": NOW.replace(tzinfo=None),
        "hook": None,
        "attempt_count": 1,
    }
    assert fetch("a" * 32).result == '"hello you"'


def test_success_of_a_task_that_ran_again_is_the_first_one() -> None:
    for result in ("first", "second"):
        keep_successes([task(result=result)])
    assert [success.result for success in Success.objects.all()] == ['"first"']


def test_success_after_a_failure_takes_its_place() -> None:
    keep_failure(task(success=False, result="no"))
    keep_successes([task()])
    assert ([success.result for success in Success.objects.all()], Failure.objects.count()) == (['"hello you"'], 0)


def test_failure_after_a_success_changes_nothing() -> None:
    keep_successes([task()])
    keep_failure(task(success=False, result="no"))
    assert [(result["success"], result["result"]) for result in stored(RESULTS)] == [(True, '"hello you"')]


def test_failure_that_is_stored_again_is_the_last_one() -> None:
    for attempt in (19, 20):
        keep_failure(task(success=False, result="no", attempt=attempt))
    assert [(result["result"], result["attempt_count"]) for result in stored(RESULTS)] == [('"no"', 20)]


def test_results_are_found_without_reading_the_others() -> None:
    with profiled() as profile:
        keep_failure(task(success=False))
        keep_successes([task()])
        fetch("a" * 32)
    assert len(profile.queries) >= 2
    assert [query for query in profile.queries if "COLLSCAN" in query.stages] == []
