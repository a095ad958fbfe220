"""django-q's schedules call durable tasks.

A schedule that can't be run holds up no other, and is listed with the reason.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from mongodb.collections import collection
from taskqueue.periodic import run_schedules
from taskqueue.schedules import SCHEDULES, bad_schedules, run_due
from tests.factories.documents import queued_messages, stored
from tests.factories.threads import at_once
from tests.ops.metrics import scrape
from tests.taskqueue.tasks import note

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC).replace(microsecond=0)
DUE = NOW - timedelta(minutes=5)

BAD: list[tuple[dict[str, Any], str]] = [
    ({"func": "os.system"}, "os.system is not a task of this product."),
    ({"func": "taskqueue.broker.release"}, "taskqueue.broker.release is not a durable task."),
    ({"func": "lab.no_such.task"}, "lab.no_such.task can't be imported"),
    ({"func": None}, "None is not a task of this product."),
    ({"args": "ObjectId('6811bfd5d273022b46570ae5')"}, "The arguments are not literals"),
    ({"args": "datetime.now("}, "The arguments are not literals"),
    ({"args": "(" * 1000}, "The arguments are not literals"),
    ({"args": "1" * 10_001}, "The arguments are not a text, or are too long."),
    ({"args": 5}, "The arguments are not a text, or are too long."),
    ({"args": "[1]"}, "Arguments are texts, whole numbers, True, False or None."),
    ({"args": "1.5"}, "Arguments are texts, whole numbers, True, False or None."),
    ({"kwargs": "name='one'"}, "Tasks have no keyword arguments."),
    ({"hook": "os.system"}, "hook is not supported."),
    ({"intended_date_kwarg": "at"}, "intended_date_kwarg is not supported."),
    ({"cluster": "another"}, "No cluster is named 'another'."),
    ({"schedule_type": "X"}, "Its type or its number of repeats is unknown."),
    ({"repeats": "often"}, "Its type or its number of repeats is unknown."),
    ({"schedule_type": "C", "cron": "* * * * *"}, "Its next run can't be calculated"),
    ({"schedule_type": "I", "minutes": "x"}, "Its next run can't be calculated"),
    ({"schedule_type": "I", "minutes": -5}, "Its next run would not be later."),
]


def schedule(**fields: Any) -> Any:
    """Store a schedule that is due, however odd its fields are, and return its id."""
    usual = {"name": "mine", "func": note.path, "args": "'one'", "schedule_type": "D", "repeats": -1, "next_run": DUE}
    return collection(SCHEDULES).insert_one({**usual, **fields}).inserted_id


def called() -> list[tuple[str, tuple[Any, ...]]]:
    return [(message.func, message.args) for message in queued_messages()]


@pytest.mark.parametrize(("fields", "reason"), BAD, ids=[f"{n}" for n in range(len(BAD))])
def test_bad_schedule_fails_alone_and_is_listed(fields: dict[str, Any], reason: str) -> None:
    bad = schedule(**fields)
    schedule(args="'good'", next_run=DUE + timedelta(seconds=1))
    before = stored(SCHEDULES, _id=bad)

    for _ in range(2):
        run_schedules()
    assert (called(), stored(SCHEDULES, _id=bad)) == ([(note.path, ("good",))], before)
    ((row, problem),) = bad_schedules(now=NOW, limit=10)
    assert (row["_id"], problem[: len(reason)]) == (bad, reason)
    assert scrape().of("bad_schedules") == {(): 1.0}


def test_admin_says_what_is_wrong_with_a_schedule() -> None:
    schedule(func="os.system", args="'id'")
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))

    page = client.get(reverse("admin:django_q_schedule_changelist")).content.decode()
    assert "os.system is not a task of this product." in page


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({"schedule_type": "O"}, []),
        ({"schedule_type": "O", "repeats": 1}, [(DUE, 0)]),
        ({}, [(DUE + timedelta(days=1), -1)]),
        ({"repeats": 3}, [(DUE + timedelta(days=1), 2)]),
        ({"repeats": -7}, [(DUE + timedelta(days=1), -1)]),
        ({"schedule_type": "I", "minutes": 2}, [(NOW + timedelta(minutes=1), -1)]),
        (
            {"schedule_type": "I", "minutes": 1, "next_run": datetime(1970, 1, 1, tzinfo=UTC)},
            [(NOW + timedelta(minutes=1), -1)],
        ),
    ],
)
def test_schedule_runs_once_and_moves_on(fields: dict[str, Any], left: list[tuple[datetime, int]]) -> None:
    schedule(**fields)
    for _ in range(2):
        run_due(NOW)

    assert called() == [(note.path, ("one",))]
    assert [(row["next_run"].replace(tzinfo=UTC), row["repeats"]) for row in stored(SCHEDULES)] == left


@pytest.mark.parametrize(
    ("text", "arguments"), [("", ()), (None, ()), ("1, 'a', None, True", (1, "a", None, True)), ("'a'", ("a",))]
)
def test_arguments_have_django_qs_syntax(text: str | None, arguments: tuple[Any, ...]) -> None:
    schedule(args=text)
    run_due(NOW)

    assert called() == [(note.path, arguments)]


@pytest.mark.parametrize("fields", [{"repeats": 0}, {"next_run": NOW + timedelta(minutes=1)}])
def test_schedule_that_is_not_due_waits(fields: dict[str, Any]) -> None:
    schedule(**fields)
    run_due(NOW)

    assert called() == []


def test_two_at_once_run_a_schedule_once() -> None:
    schedule()
    at_once([lambda: run_due(NOW)] * 4)

    assert called() == [(note.path, ("one",))]
