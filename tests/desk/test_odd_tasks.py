"""Odd messages, results and schedules, which a person or another program has written, do not hide other rows."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.test import Client

from desk.moments import at
from desk.queue.entries import Situation, failed_entries, waiting_entries
from goals.models import Goal
from mongodb.collections import tolerant_collection
from taskqueue.messages import MESSAGES
from taskqueue.results import RESULTS
from taskqueue.schedules import SCHEDULES
from tests.factories.moments import NOW
from tests.factories.odd_values import ODD_VALUES, put
from tests.showgoals.pages import page
from tests.taskqueue.tasks import note

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "new_indexes")]
QUEUE, FAILED, DONE, SCHEDULED = (f"/admin/django_q/{name}/" for name in ("ormq", "failure", "success", "schedule"))
MESSAGE = {"key": "work-unreadable", "name": "note", "payload": "?", "lock": NOW, "subject": "s", "attempts": 1}
RESULT = {"id": "a" * 32, "name": "note", "func": note.path, "group": "s", "started": NOW, "stopped": NOW}
RESULT |= {"args": "[]", "kwargs": "{}", "result": '"no"', "attempt_count": 1, "cluster": "one"}
SCHEDULE = {"name": "one", "func": note.path, "args": "'a'", "schedule_type": "I", "minutes": 1, "repeats": -1}
SCHEDULE |= {"next_run": NOW, "kwargs": "", "cron": ""}


def put_odd(name: str, row: dict[str, Any], fields: list[str]) -> None:
    """Store the row many times. Each time, one of the fields is odd or missing."""
    for field in fields:
        rest = {key: value for key, value in row.items() if key != field}
        for odd in ({}, *({field: value} for value in ODD_VALUES)):
            new_id = ObjectId()
            put(name, {"_id": new_id} | ({"id": f"{new_id}{0:08}"} if "id" in rest else {}) | rest | odd)


def listed(admin: Client, url: str) -> int:
    """Read the list to its end. Return how many rows it has."""
    shown, number, count = 0, 1, 1
    while shown < count:
        answer = admin.get(f"{url}?p={number}")
        assert answer.status_code == 200
        rows = answer.context["cl"]
        shown, number, count = shown + len(rows.result_list), number + 1, rows.result_count
    return shown


def stored(name: str) -> int:
    return len(list(tolerant_collection(name).find({}, {"_id": True})))


def test_queue_lists_odd_messages(admin: Client) -> None:
    put_odd(MESSAGES, MESSAGE, ["_id", "lock", "payload", "name", "subject", "attempts", "owner"])

    assert listed(admin, QUEUE) == stored(MESSAGES)
    for query in ("task=note", "situation=aside", "of=s"):
        assert admin.get(f"{QUEUE}?{query}").status_code == 200, query
    assert {entry.situation for entry in waiting_entries(now=NOW)} == {Situation.ASIDE}


def test_message_with_a_list_as_its_key_is_aside(admin: Client) -> None:
    put(MESSAGES, {**MESSAGE, "_id": ObjectId(), "key": ["odd"]})

    assert listed(admin, QUEUE) == 1
    assert [entry.situation for entry in waiting_entries(now=NOW)] == [Situation.ASIDE]


@pytest.mark.parametrize("url", [FAILED, DONE])
def test_results_with_odd_fields_are_listed(admin: Client, url: str) -> None:
    success = url == DONE
    fields = ["id", "stopped", "started", "group", "func", "name", "attempt_count", "result"]
    put_odd(RESULTS, RESULT | {"success": success}, fields)

    assert listed(admin, url) == stored(RESULTS)
    assert len(failed_entries()) == (0 if success else stored(RESULTS))


def test_odd_schedules_are_listed(admin: Client) -> None:
    put_odd(SCHEDULES, SCHEDULE, [*SCHEDULE])

    assert listed(admin, SCHEDULED) == stored(SCHEDULES)


@pytest.mark.parametrize(
    ("name", "url", "row", "field"),
    [
        *((MESSAGES, QUEUE, MESSAGE, field) for field in ("lock", "payload", "attempts")),
        *((RESULTS, FAILED, RESULT | {"success": False}, field) for field in ("stopped", "func", "group")),
        *((RESULTS, DONE, RESULT | {"success": True}, field) for field in ("started", "result")),
        *((SCHEDULES, SCHEDULED, SCHEDULE, field) for field in ("next_run", "minutes")),
    ],
)
def test_odd_rows_have_pages(admin: Client, name: str, url: str, row: dict[str, Any], field: str) -> None:
    # These values include moments outside the range of years that Python's `datetime` can represent.
    for odd in ODD_VALUES[-15:-2]:
        new_id = ObjectId()
        put(name, row | {"_id": new_id, field: odd} | ({"id": f"{new_id}{0:08}"} if "id" in row else {}))
        address = f"{url}{new_id}{'0' * 8 if 'id' in row else ''}/"

        assert [admin.get(f"{address}{page}/").status_code for page in ("change", "delete")] == [200, 200], odd


def test_pages_say_which_field_is_odd(admin: Client) -> None:
    put(MESSAGES, MESSAGE | {"_id": (new_id := ObjectId()), "lock": "soon"})

    for address in (QUEUE, f"{QUEUE}{new_id}/change/"):
        text = admin.get(address).content.decode()
        assert "set aside, because no worker can read it (unreadable field: lock)" in text, address


def test_page_of_a_goal_shows_its_odd_messages_last(admin: Client, show: Goal) -> None:
    tolerant_collection(MESSAGES).delete_many({})
    of_show = MESSAGE | {"subject": str(show.pk)}
    put(MESSAGES, of_show | {"_id": ObjectId(), "name": "odd", "lock": "soon"})
    put(MESSAGES, of_show | {"_id": ObjectId(), "name": "good", "lock": NOW + timedelta(hours=1)})

    tasks = admin.get(page(show)).context["panels"][-1]
    assert [(str(fact.label), str(fact.value)) for fact in tasks.facts[:-1]] == [
        ("good", at(NOW + timedelta(hours=1))),
        ("odd", "unreadable field: lock"),
    ]


def test_page_of_a_goal_shows_the_next_of_many_messages(admin: Client, show: Goal) -> None:
    tolerant_collection(MESSAGES).delete_many({})
    names = [f"task {minutes:02}" for minutes in range(12)]
    for minutes in reversed(range(12)):
        due = {"name": names[minutes], "lock": NOW + timedelta(minutes=minutes)}
        put(MESSAGES, MESSAGE | {"_id": ObjectId(), "subject": str(show.pk)} | due)

    tasks = admin.get(page(show)).context["panels"][-1]
    assert [str(fact.label) for fact in tasks.facts[:-1]] == names[:10]


def test_page_of_a_goal_is_shown_with_any_odd_message(admin: Client, show: Goal) -> None:
    for field in ("_id", "key", "lock", "payload", "name", "attempts"):
        for odd in ODD_VALUES:
            put(MESSAGES, {"_id": ObjectId()} | MESSAGE | {"subject": str(show.pk), field: odd})
        assert admin.get(page(show)).status_code == 200, field
        tolerant_collection(MESSAGES).delete_many({})
