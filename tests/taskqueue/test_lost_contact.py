"""A worker that loses contact with MongoDB forgets what it holds, and its late claims have no effect."""

from typing import Any

import pytest

from mongodb.collections import collection, connection
from taskqueue.broker import PreciseBroker, release_former
from taskqueue.messages import MESSAGES
from taskqueue.worker import STOP, ClaimedTasks, Results
from tests.conftest import FailCommand
from tests.taskqueue.clusters import messages
from tests.taskqueue.tasks import attempts, note, note_each

pytestmark = pytest.mark.django_db

# Each fault lasts longer than the deadline, so that the driver's own retries do not help.
AWAY: dict[str, Any] = {"times": 10_000, "closeConnection": True}


def worker() -> ClaimedTasks:
    return ClaimedTasks(PreciseBroker(), run_once=True)


def done(task: Any) -> Any:
    return task | {"success": True, "result": None, "stopped": task["started"]}


@pytest.fixture(autouse=True)
def _short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskqueue.worker.QUEUE_SECONDS", 0.5)


def test_task_that_cannot_be_settled_is_given_back_and_runs_again(fail_command: FailCommand) -> None:
    mine = worker()
    note.enqueue("a")
    task = mine.get()
    fail_command("insert", "delete", **AWAY)
    Results(mine).put(done(task))
    assert [message["epoch"] for message in messages()] == [0]

    fail_command("ping")
    again = mine.get()
    assert isinstance(again, dict)
    assert (again["args"], again["attempt"], "alone" in messages()[0]) == (("a",), 2, False)
    Results(mine).put(done(again))
    assert messages() == []


def test_batch_that_cannot_be_settled_runs_again_together(fail_command: FailCommand) -> None:
    results = f"{connection.settings_dict['NAME']}.django_q_task"
    for name in "ab":
        note_each.enqueue(name)
    fail_command("insert", namespace=results, blockConnection=True, blockTimeMS=1000)

    assert worker().get() == STOP
    assert (attempts(), messages()) == ([["a", "b"]] * 2, [])


def test_claim_that_is_done_late_is_found_by_its_epoch() -> None:
    """A server that hung has kept the claim, and carries it out after the worker has begun another epoch."""
    mine = worker()
    note.enqueue("late")
    note.enqueue("now")
    late = {"owner": mine.broker.owner, "epoch": 0}
    collection(MESSAGES).update_one({"subject": ""}, {"$set": late, "$inc": {"attempts": 1}})
    mine.broker.epoch.value = 1
    task = mine.get()
    assert isinstance(task, dict)

    assert release_former({mine.broker.owner: 1, "another": 0}) == 1
    assert sorted((message.get("owner"), message["attempts"]) for message in messages() if "owner" in message) == [
        (mine.broker.owner, 1)
    ]
    assert release_former({mine.broker.owner: 1}) == 0


@pytest.mark.parametrize("change", [{"owner": "another"}, {"epoch": 1}])
def test_pause_that_is_written_late_takes_no_message_from_its_new_owner(change: dict[str, Any]) -> None:
    broker = PreciseBroker()
    note.enqueue("a")
    (claim,) = broker.claim()
    collection(MESSAGES).update_one({}, {"$set": change})
    (before,) = messages()

    broker.retry_after({claim.message_id: 30})
    assert messages() == [before]
