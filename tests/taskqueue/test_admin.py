"""django-q's pages in the admin give nobody the power to call functions, and show forged rows as text."""

import base64
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ, Schedule
from django_q.tasks import fetch

from api.admin_site import CHANGES
from mongodb.collections import collection
from taskqueue.admin import RUN_AGAIN
from taskqueue.messages import MESSAGES
from taskqueue.results import RESULTS, keep_failure, keep_successes
from taskqueue.schedules import SCHEDULES
from tests.factories.documents import queued_messages, stored
from tests.factories.threads import at_once
from tests.taskqueue.tasks import note
from tests.taskqueue.test_results import task

pytestmark = pytest.mark.django_db
ODD_ID = "by_hand&1"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAGES = ("success", "failure", "schedule", "ormq")
ROW = {"id": "b" * 32, "name": "note", "func": note.path, "started": NOW, "stopped": NOW, "attempt_count": 1}


def staff(*permissions: str, name: str = "staff") -> Client:
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def superuser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    return client


def letter(**changes: Any) -> str:
    """Store a failed task, and return the id that tasks have by default."""
    keep_failure(task(success=False, func=note.path, name="note", args=("one",), result="no", **changes))
    return "a" * 32


def resubmit(client: Client, *ids: str) -> Any:
    body = {"action": "resubmit", "_selected_action": ids}
    return client.post(reverse("admin:django_q_failure_changelist"), body, follow=True)


def calling(marker: Path) -> str:
    """Return a pickled object that creates a file when it is loaded. Earlier releases stored and loaded pickles."""
    return base64.b64encode(b"cpathlib\nPath.touch\n(cpathlib\nPath\n(S'" + bytes(marker) + b"'\ntRtR.").decode()


@pytest.mark.parametrize("page", PAGES)
def test_nobody_adds_or_changes_anything(page: str) -> None:
    letter()
    keep_successes([task(id="c" * 32)])
    note.enqueue("waits")
    Schedule.objects.create(func=note.path, name="mine", args="'one'", repeats=-1)
    before = [stored(name) for name in (RESULTS, SCHEDULES, MESSAGES)]
    (row, *_rest) = {"failure": stored(RESULTS, success=False), "success": stored(RESULTS, success=True)}.get(
        page, stored({"schedule": SCHEDULES, "ormq": MESSAGES}.get(page, SCHEDULES))
    )
    client = superuser()
    body = {"func": "os.system", "args": "'id'", "schedule_type": "O", "repeats": "-1", "name": "x", "payload": "x"}

    for method in (client.get, client.post):
        assert method(reverse(f"admin:django_q_{page}_add"), body).status_code == 403
    change = reverse(f"admin:django_q_{page}_change", args=[row.get("id") or row["_id"]])
    assert (client.get(change).status_code, client.post(change, body).status_code) == (200, 403)
    assert [stored(name) for name in (RESULTS, SCHEDULES, MESSAGES)] == before


@pytest.mark.parametrize("permissions", [["view_failure"], ["view_failure", "change_failure", "delete_failure"]])
def test_staff_without_the_permission_resubmit_nothing(permissions: list[str]) -> None:
    listed = resubmit(staff(*permissions), letter())

    assert ("resubmit" in listed.content.decode(), queued_messages(), len(stored(RESULTS))) == (False, [], 1)


def test_staff_with_the_permission_resubmit_a_task_once() -> None:
    client = staff("view_failure", "resubmit_failure")
    letter()
    pages = [resubmit(client, "a" * 32).content.decode() for _ in range(2)]

    assert ["Tasks that are in the queue again: 1" in page for page in pages] == [True, False]
    (message,) = queued_messages()
    assert (message.func, message.args, message.group) == (note.path, ("one",), "6811bfd5d273022b46570ae5")
    assert (stored(RESULTS), LogEntry.objects.get().change_message) == ([], "resubmitted")


def test_two_people_who_resubmit_the_same_tasks_enqueue_each_once() -> None:
    ids = [str(number) * 32 for number in range(1, 5)]
    for each in ids:
        letter(id=each)
    clients = [staff("view_failure", "resubmit_failure", name=name) for name in ("mei", "kai")]

    at_once([partial(resubmit, clients[0], *ids[:3]), partial(resubmit, clients[1], *ids[1:])])

    assert (len(queued_messages()), stored(RESULTS)) == (4, [])
    assert sorted(record["subject_id"] for record in stored("change_records")) == ids


def test_task_whose_id_is_quoted_in_its_address_has_a_button_and_a_history() -> None:
    letter(id=ODD_ID)
    client = superuser()
    url = reverse("admin:django_q_failure_change", args=[quote(ODD_ID)])

    history = client.get(reverse("admin:django_q_failure_history", args=[quote(ODD_ID)]))
    page = client.post(url, {RUN_AGAIN: "Run again"}, follow=True).content.decode()

    assert history["Location"] == f"{reverse(CHANGES)}?of=by_hand%261"
    assert "Tasks that are in the queue again: 1" in page
    assert [message.args for message in queued_messages()] == [("one",)]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"func": "os.system"}, "os.system is not a task of this product."),
        ({"func": "taskqueue.messages.put"}, "taskqueue.messages.put is not a durable task."),
        ({"func": "taskqueue.no_such.task"}, "taskqueue.no_such.task can&#x27;t be imported"),
        ({"args": "gASVBQ=="}, "its arguments were stored by an earlier release"),
        ({"args": '[["list"]]'}, "its arguments were stored by an earlier release"),
    ],
)
def test_what_is_no_task_is_not_resubmitted(changed: dict[str, str], reason: str) -> None:
    letter()
    collection(RESULTS).update_one({}, {"$set": changed})
    page = resubmit(superuser(), "a" * 32).content.decode()

    assert (reason in page, queued_messages(), len(stored(RESULTS))) == (True, [], 1)


def test_forged_results_are_text_everywhere(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    forged = dict.fromkeys(("args", "kwargs", "result"), calling(marker))
    for success, result_id in ((True, "b" * 32), (False, "c" * 32)):
        collection(RESULTS).insert_one({**ROW, **forged, "success": success, "id": result_id})
    schedule = Schedule.objects.create(func=note.path, args="'one'", task="b" * 32)
    client = superuser()

    for page, result_id in (("success", "b" * 32), ("failure", "c" * 32)):
        for url in (
            reverse(f"admin:django_q_{page}_changelist"),
            reverse(f"admin:django_q_{page}_change", args=[result_id]),
            reverse(f"admin:django_q_{page}_delete", args=[result_id]),
        ):
            assert client.get(url).status_code == 200, url
        listed = client.get(reverse(f"admin:django_q_{page}_changelist")).content.decode()
        assert f"stored by an earlier release: {calling(marker)[:20]}" in listed
    assert client.get(reverse("admin:django_q_schedule_changelist")).status_code == 200
    assert (schedule.success(), fetch("b" * 32).result) == (True, calling(marker))
    resubmit(client, "c" * 32)
    assert not marker.exists()


def test_forged_message_is_shown_as_unreadable(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    note.enqueue("mine")
    OrmQ.objects.create(key="showgoals", payload=calling(marker), lock=NOW)
    page = superuser().get(reverse("admin:django_q_ormq_changelist")).content.decode()

    assert ("not readable" in page, ">note</a>" in page, marker.exists()) == (True, True, False)


@pytest.mark.parametrize("page", PAGES)
def test_staff_delete_with_the_permission_only(page: str) -> None:
    letter()
    keep_successes([task(id="c" * 32)])
    note.enqueue("waits")
    Schedule.objects.create(func="os.system", args="'id'")
    (row, *_rest) = {
        "failure": stored(RESULTS, success=False),
        "success": stored(RESULTS, success=True),
        "schedule": stored(SCHEDULES),
        "ormq": stored(MESSAGES),
    }[page]
    url = reverse(f"admin:django_q_{page}_delete", args=[row.get("id") or row["_id"]])
    client = staff(f"view_{page}")

    assert client.post(url, {"post": "yes"}).status_code == 403
    User.objects.get().user_permissions.add(Permission.objects.get(codename=f"delete_{page}"))
    assert client.post(url, {"post": "yes"}).status_code == 302
    kept = [len(stored(name)) for name in (RESULTS, SCHEDULES, MESSAGES)]
    assert sum(kept) == 3
