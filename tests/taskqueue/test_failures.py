"""Tasks that fail are tried again or kept as dead letters, and unreadable messages are kept too."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_q.tasks import async_task  # noqa: TID251 - with an argument that our own way refuses
from pymongo.errors import AutoReconnect

from mongodb.collections import collection
from taskqueue.broker import Claim, PreciseBroker
from taskqueue.messages import MESSAGES
from taskqueue.queues import Queue
from taskqueue.worker import ClaimedTasks, Results
from tests.conftest import FailCommand
from tests.factories.documents import connection, stored
from tests.taskqueue.clusters import dead_letters, eventually, messages, runs
from tests.taskqueue.conftest import StartCluster
from tests.taskqueue.tasks import REPAIRED, Unreadable, fail_twice, fail_until_repaired, note

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_transient_failure_is_tried_again_later_each_time(start_cluster: StartCluster) -> None:
    start_cluster()
    fail_twice.enqueue("a")

    eventually(lambda: not messages())
    first, second, third = (run["at"] for run in runs("a"))
    # The longest waits are 0.5 s and 1 s. Each wait is random, between half of the longest wait and all of it.
    assert timedelta(seconds=0.25) <= second - first <= timedelta(seconds=5)
    assert timedelta(seconds=0.5) <= third - second <= timedelta(seconds=5)
    assert dead_letters() == []


@pytest.mark.slow
def test_permanent_failures_are_dead_letters_that_an_admin_sends_again(start_cluster: StartCluster) -> None:
    for name in ("a", "b", "c"):
        fail_until_repaired.enqueue(name, subject=name)
    start_cluster("--run-once").exit_code()
    assert ([len(runs(name)) for name in "abc"], messages()) == ([1, 1, 1], [])
    assert sorted(dead_letters()) == [("a",), ("b",), ("c",)]

    collection(REPAIRED).insert_one({})
    for names in (["a"], ["b", "c"]):
        resubmit(names)
        start_cluster("--run-once").exit_code()
    assert ([len(runs(name)) for name in "abc"], messages(), dead_letters()) == ([2, 2, 2], [], [])


@pytest.mark.slow
def test_unreadable_messages_are_kept_aside(start_cluster: StartCluster) -> None:
    note.enqueue("a")
    collection(MESSAGES).update_one({}, {"$set": {"payload": "not signed by us"}})
    async_task(note.path, Unreadable())
    note.enqueue("b")

    assert start_cluster("--run-once").exit_code() == 0
    assert (runs("a"), len(runs("b"))) == ([], 1)
    aside = messages()
    assert [(message["key"], "owner" in message) for message in aside] == [
        (f"{Queue.WORK.value}-unreadable", False)
    ] * 2


def test_dead_letter_that_cannot_be_stored_keeps_its_message(fail_command: FailCommand) -> None:
    worker = ClaimedTasks(PreciseBroker(), run_once=True)
    note.enqueue("a")
    task = worker.get()
    assert isinstance(task, dict)
    task |= {"success": False, "ack_failure": True, "result": "no", "stopped": task["started"]}
    fail_command("insert", namespace=f"{connection.settings_dict['NAME']}.django_q_task", errorCode=2)

    with pytest.raises(SystemExit):
        Results(worker).put(task)
    assert (len(messages()), stored("django_q_task")) == (1, [])


def test_worker_is_not_stuck_once_its_task_has_ended() -> None:
    worker = ClaimedTasks(PreciseBroker(), run_once=True)
    note.enqueue("a")
    task = worker.get()
    assert isinstance(task, dict)
    assert worker.broker.stuck_at.value > 0

    Results(worker).put(task | {"success": True, "result": None, "stopped": task["started"]})
    assert (worker.broker.stuck_at.value, messages()) == (0, [])


class LosesFirstAnswer(PreciseBroker):
    """MongoDB carries out the first claim, but its response does not arrive."""

    lost = False

    def claim(self, *, patience: timedelta = timedelta(0), unless: Callable[[], bool] = lambda: False) -> list[Claim]:
        claims = super().claim(patience=patience, unless=unless)
        if not self.lost:
            self.lost = True
            raise AutoReconnect
        return claims


def test_claim_whose_answer_was_lost_is_given_back() -> None:
    """The worker holds the message, but does not know that it does."""
    note.enqueue("a")

    task = ClaimedTasks(LosesFirstAnswer(), run_once=True).get()

    assert isinstance(task, dict)
    assert (task["args"], task["attempt"]) == (("a",), 2)


def resubmit(names: list[str]) -> None:
    """Resubmit the dead letters of these tasks in the admin."""
    admin = Client()
    admin.force_login(User.objects.filter(is_superuser=True).first() or User.objects.create_superuser("admin"))
    ids = [task["id"] for task in stored("django_q_task", group={"$in": names})]
    body = {"action": "resubmit", "_selected_action": ids}
    response = admin.post(reverse("admin:django_q_failure_changelist"), body)
    assert (len(ids), response.status_code) == (len(names), 302)
