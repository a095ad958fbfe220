"""Results as django-q stores them, each found by its id."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django_q.models import Failure, Success
from django_q.monitor import save_task
from django_q.tasks import fetch

from mongodb.collections import collection
from taskqueue.broker import PreciseBroker
from taskqueue.executions import RESULTS, keep_failure, keep_successes
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


def test_success_is_stored_as_django_q_would() -> None:
    keep_successes([task()], PreciseBroker())
    (ours,) = stored(RESULTS)
    collection(RESULTS).delete_many({})
    save_task(task(), PreciseBroker())
    (theirs,) = stored(RESULTS)
    assert ours | {"_id": None} == theirs | {"_id": None}
    assert fetch("a" * 32).result == "hello you"


def test_success_of_a_task_that_ran_again_is_the_first_one() -> None:
    for result in ("first", "second"):
        keep_successes([task(result=result)], PreciseBroker())
    assert [success.result for success in Success.objects.all()] == ["first"]


def test_success_after_a_failure_takes_its_place() -> None:
    keep_failure(task(success=False, result="no"), PreciseBroker())
    keep_successes([task()], PreciseBroker())
    assert ([success.result for success in Success.objects.all()], Failure.objects.count()) == (["hello you"], 0)


def test_success_that_only_django_q_can_treat_is_left_to_it() -> None:
    keep_successes([task(save=False)], PreciseBroker())
    assert stored(RESULTS) == []


def test_results_are_found_without_reading_the_others() -> None:
    with profiled() as profile:
        keep_failure(task(success=False), PreciseBroker())
        keep_successes([task()], PreciseBroker())
        fetch("a" * 32)
    assert len(profile.queries) >= 4
    assert [query for query in profile.queries if "COLLSCAN" in query.stages] == []
