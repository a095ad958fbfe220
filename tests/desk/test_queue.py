"""The lists of failed tasks and of the queue: groups, filters, names, and running tasks again."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from desk.queue.entries import MOST_READ, failed_entries, waiting_entries
from goals.models import Goal
from mongodb.collections import collection
from sessions_app.models import Session
from taskqueue.admin import MOST_AT_ONCE
from taskqueue.messages import MESSAGES
from taskqueue.results import RESULTS
from tests.factories.documents import queued_messages, stored
from tests.factories.fixtures import Commands
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW
from tests.factories.people import StaffFactory
from tests.factories.profiler import profiled
from tests.showgoals.pages import messages
from tests.taskqueue.tasks import note

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
FAILED, QUEUE, DONE = "/admin/django_q/failure/", "/admin/django_q/ormq/", "/admin/django_q/success/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def shows(session: Session) -> list[Goal]:
    """Two shows of one streamer. The messages that their creation has queued are deleted."""
    goals: list[Goal] = [
        ShowGoalFactory(
            funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=NOW + hours * 60 * MINUTE
        )
        for hours in (1, 2)
    ]
    for goal, title in zip(goals, ("Piano", "Guitar"), strict=True):
        collection("goals").update_one({"_id": goal.pk}, {"$set": {"levels.0.title": title}})
    collection(MESSAGES).delete_many({})
    return goals


@pytest.fixture
def operator() -> Client:
    return sign_in("view_failure", "resubmit_failure", "view_ormq", "view_success")


def sign_in(*permissions: str) -> Client:
    client = Client()
    client.force_login(StaffFactory(permissions=permissions))
    return client


def fail(number: int, *, of: Goal | None = None, error: str = "BytePlus: 500", func: str = note.path) -> str:
    """Store a task that failed `number` minutes ago, and return its id."""
    name, failed_at = func.rpartition(".")[2], NOW - number * MINUTE
    row = {"id": f"{number:032x}", "success": False, "name": name, "func": func, "args": '["one"]', "kwargs": "{}"}
    row |= {"result": f'"{error} : Traceback (most recent call last)"', "group": str(of.pk) if of else None}
    row |= {"started": failed_at, "stopped": failed_at, "attempt_count": 3}
    collection(RESULTS).insert_one(row)
    return str(row["id"])


def groups(page: Any) -> list[tuple[str, str, str, int]]:
    return [
        (each.task, each.error, str(each.goal or len(each.subjects)), len(each.entries))
        for each in page.context["groups"].shown
    ]


def rows(page: Any) -> list[str]:
    return [row.pk for row in page.context["cl"].result_list]


def test_failed_tasks_are_grouped_by_task_and_error(operator: Client, shows: list[Goal]) -> None:
    piano, guitar = shows
    fail(1, of=piano, error=f"no room {piano.pk}")
    fail(2, of=guitar, error=f"no room {guitar.pk}")
    fail(3, of=piano, func="a.b.send")
    fail(4, of=piano, func="a.b.send")
    fail(5)

    page = operator.get(FAILED)

    assert groups(page) == [
        ("note", "no room …", "2", 2),
        ("send", "BytePlus: 500", "Piano · streamer", 2),
        ("note", "BytePlus: 500", "0", 1),
    ]
    text = page.content.decode()
    assert reverse("admin:goals_goal_change", args=[piano.pk]) in text
    assert text.index("In groups") < text.index("result_list")


def test_group_leads_to_its_rows_by_show(operator: Client, shows: list[Goal]) -> None:
    piano, guitar = shows
    ids = [fail(1, of=piano), fail(2, of=guitar), fail(3, of=guitar), fail(4, error="another"), fail(5, func="a.send")]
    (first, *_others) = operator.get(FAILED).context["groups"].shown

    page = operator.get(f"{FAILED}?{first.query}")

    assert rows(page) == ids[:3]
    assert groups(page) == [
        ("note", "BytePlus: 500", "Piano · streamer", 1),
        ("note", "BytePlus: 500", "Guitar · streamer", 2),
    ]


def test_filters_are_by_task_error_and_show(operator: Client, shows: list[Goal]) -> None:
    (piano, guitar) = shows
    ids = [fail(1, of=piano), fail(2, of=guitar, error="lost"), fail(3, func="a.b.send", error="lost")]

    assert {query: rows(operator.get(f"{FAILED}?{query}")) for query in (
        *("task=a.b.send", "error=lost", f"of={guitar.pk}", f"q={piano.pk}", "task=nope", "of=%00", "error=%FF", "q=x"),
        *("task=a.b.send&error=lost", "task=a.b.send&error=BytePlus%3A+500"),
    )} == {
        "task=a.b.send": ids[2:],
        "error=lost": ids[1:],
        f"of={guitar.pk}": [ids[1]],
        f"q={piano.pk}": [ids[0]],
        "task=nope": [],
        "of=%00": [],
        "error=%FF": [],
        "q=x": [],
        "task=a.b.send&error=lost": ids[2:],
        "task=a.b.send&error=BytePlus%3A+500": [],
    }  # fmt: skip


def test_odd_rows_are_listed(operator: Client) -> None:
    collection(RESULTS).insert_one({"id": "f" * 32, "success": False, "stopped": NOW, "result": {"a": 1}})
    collection(MESSAGES).insert_one({"key": "elsewhere", "lock": NOW})

    assert (operator.get(FAILED).status_code, operator.get(QUEUE).status_code) == (200, 200)


def test_one_task_runs_again_by_the_button_on_its_page(operator: Client, shows: list[Goal]) -> None:
    failure = fail(1, of=shows[0])
    address = f"{FAILED}{failure}/change/"
    page = operator.get(address).content.decode()
    assert ("Run again" in page, "Piano" in page) == (True, True)

    answers = [operator.post(address, {"_run_again": "1"}, follow=True) for _twice in range(2)]

    assert [messages(answer) for answer in answers] == [
        ["Tasks that are in the queue again: 1"],
        ["The task is not in this list any more."],
    ]
    assert [(message.func, message.args) for message in queued_messages()] == [(note.path, ("one",))]
    assert [record["action"] for record in stored("change_records")] == ["resubmit"]


def test_button_needs_the_permission(shows: list[Goal]) -> None:
    address = f"{FAILED}{fail(1)}/change/"
    looker = sign_in("view_failure")

    assert "Run again" not in looker.get(address).content.decode()
    assert looker.post(address, {"_run_again": "1"}).status_code == 403
    assert (queued_messages(), len(stored(RESULTS))) == ([], 1)


def test_all_of_a_group_run_again(operator: Client, shows: list[Goal]) -> None:
    ids = [fail(number, of=shows[number % 2]) for number in range(60)]
    fail(99, error="another")
    body = {"action": "resubmit", "select_across": "1", "_selected_action": ids[:1]}

    answer = operator.post(f"{FAILED}?error=BytePlus%3A+500", body, follow=True)

    assert messages(answer) == ["Tasks that are in the queue again: 60"]
    assert (len(queued_messages()), len(stored(RESULTS))) == (60, 1)


def test_too_many_at_once_are_said(operator: Client) -> None:
    ids = [fail(number) for number in range(MOST_AT_ONCE + 1)]
    body = {"action": "resubmit", "select_across": "1", "_selected_action": ids[:1]}

    assert len(messages(operator.post(FAILED, body, follow=True))) == 2
    assert len(stored(RESULTS)) == 1


def test_many_run_again_in_few_round_trips(operator: Client, commands: Commands) -> None:
    ids = [fail(number) for number in range(MOST_AT_ONCE)]
    body = {"action": "resubmit", "select_across": "1", "_selected_action": ids[:1]}
    commands.names.clear()

    operator.post(FAILED, body)
    sent = len(commands.names)

    assert sent < 40
    assert len(queued_messages()) == len(stored("change_records")) == MOST_AT_ONCE


def test_queue_is_in_the_order_of_what_is_due(operator: Client, shows: list[Goal]) -> None:
    piano, guitar = shows
    note.enqueue("late", at=NOW - MINUTE, subject=str(piano.pk))
    note.enqueue("later", at=NOW + MINUTE, subject=str(guitar.pk))
    note.enqueue("first", at=NOW - 2 * MINUTE)
    collection(MESSAGES).update_one(
        {"subject": str(piano.pk)}, {"$set": {"owner": "a worker"}, "$inc": {"attempts": 2}}
    )
    collection(MESSAGES).insert_one({"key": "x-unreadable", "name": "note", "payload": "?", "lock": NOW + 2 * MINUTE})

    page = operator.get(QUEUE)

    shown = page.context["cl"].model_admin
    assert [
        (shown.state(row), str(row.goal or "-"), shown.attempts(row)) for row in page.context["cl"].result_list
    ] == [
        ("should have been taken", "-", 0),
        ("a worker is running it", "Piano · streamer", 2),
        ("waits", "Guitar · streamer", 0),
        ("set aside, because no worker can read it", "-", 0),
    ]
    assert [(group.task, len(group.entries), group.late) for group in page.context["groups"].shown] == [("note", 4, 1)]
    assert len(rows(operator.get(f"{QUEUE}?situation=late"))) == 1
    assert len(rows(operator.get(f"{QUEUE}?task=note&situation=running"))) == 1
    assert len(rows(operator.get(f"{QUEUE}?of={guitar.pk}"))) == 1
    assert rows(operator.get(f"{QUEUE}?situation=nope&task=nope&of=nope")) == []


def test_message_is_shown_with_its_show(operator: Client, shows: list[Goal]) -> None:
    note.enqueue("one", subject=str(shows[0].pk))
    (row,) = stored(MESSAGES)

    assert "Piano" in operator.get(f"{QUEUE}{row['_id']}/change/").content.decode()


def test_lists_in_traditional_chinese(operator: Client, shows: list[Goal]) -> None:
    fail(1, of=shows[0])
    note.enqueue("one")
    texts = [operator.get(url, headers={"Accept-Language": "zh-hant"}).content.decode() for url in (FAILED, QUEUE)]

    assert [[word in text for word in ("分組檢視", "任務", "嘗試")] for text in texts] == [[True] * 3] * 2
    assert [[word in text for word in ("In groups", "Failed task", "Queued task")] for text in texts] == [
        [False] * 3
    ] * 2


@pytest.mark.parametrize(
    "url",
    [
        *(FAILED, QUEUE, DONE, f"{FAILED}?o=3", f"{QUEUE}?o=-1", f"{DONE}?o=1.2", f"{FAILED}?q={'f' * 24}"),
        *(f"{FAILED}?task={note.path}", f"{QUEUE}?task=note"),
    ],
)
def test_lists_ask_as_much_for_many_as_for_few(operator: Client, shows: list[Goal], url: str) -> None:
    counts = []
    for round_number in range(2):
        for number in range(60):
            fail(round_number * 100 + number, of=shows[number % 2], error=f"error {number}")
            collection(RESULTS).insert_one({"id": f"{round_number} {number}", "success": True, "stopped": NOW})
            note.enqueue("x", subject=str(shows[number % 2].pk))
        with profiled() as profile:
            assert operator.get(url).status_code == 200
        counts.append(len(profile.queries))
        slow = [query for query in profile.queries if query.stages & {"COLLSCAN", "SORT"}]
        assert [query.command for query in slow if query.collection in {RESULTS, MESSAGES, "goals"}] == []

    assert counts[0] == counts[1] <= 14


def test_groups_read_no_more_than_a_bounded_number(viewer: User) -> None:
    row = {"success": False, "func": note.path, "stopped": NOW, "result": '"x"'}
    collection(RESULTS).insert_many([{**row, "id": str(number)} for number in range(MOST_READ + 5)])
    collection(MESSAGES).insert_many([{"key": "a", "lock": NOW, "name": "note"} for _each in range(MOST_READ + 5)])

    assert (len(failed_entries()), len(waiting_entries(now=NOW))) == (MOST_READ, MOST_READ)
