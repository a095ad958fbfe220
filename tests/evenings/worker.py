"""A queue worker under the evening's control. It may run tasks late, twice and in any order, and die in between."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from bson import ObjectId
from django.db import DatabaseError
from django.utils.module_loading import import_string
from django_q.exceptions import TimeoutException
from django_q.signals import post_execute_in_worker, pre_execute
from pymongo.errors import PyMongoError

from config.errors import ProductError
from taskqueue import periodic
from taskqueue.batches import choose
from taskqueue.durable import BULK
from taskqueue.executions import work_for_request_of
from taskqueue.messages import MESSAGES
from taskqueue.packages import unpack
from taskqueue.running import run_batch
from tests.evenings.reading import READING
from tests.evenings.stage import LOST, STAGE, Ambush
from tests.factories.documents import connection

BACKOFF_SECONDS = (0.5, 60.0)
RELEASED = {"owner": "", "session": ""}
# No other worker takes the message of a living worker, however long the task takes.
CLAIMED_FOR = timedelta(hours=3)
# Errors that vendors and MongoDB cause. Any other error of a task is a bug.
EXPECTED = (ProductError, PyMongoError, DatabaseError)
# These tasks change nothing that an evening checks, and take time.
LEFT_OUT = frozenset({"run_schedules", "track", "write_livestream_feed"})

Around = Callable[[], AbstractContextManager[None]]
Message = dict[str, Any]


class Worker:
    """Runs tasks as a `qcluster` does: claims messages, runs them, and then deletes them or gives them back."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        # The errors that were not EXPECTED.
        self.bugs: list[str] = []
        self.ran: list[str] = []

    def due(self, until: datetime | None = None) -> list[Message]:
        """Return the messages that are due now or will be due by `until`, the longest due first."""
        by = until or datetime.now(UTC)
        due = [message for message in queued() if message["lock"].replace(tzinfo=UTC) <= by]
        return sorted(due, key=itemgetter("lock", "_id"))

    def work(self, *, skew: int = 0, runs: int = 1, ambush: Ambush | None = None) -> None:
        """Run what is due until nothing is left. `skew` chooses the order. The ambush interrupts the first task."""
        while due := self.due():
            self.run(due[skew % len(due)], runs=runs, ambush=ambush)
            ambush = None

    def run(
        self, message: Message, *, runs: int = 1, ambush: Ambush | None = None, around: Around = nullcontext
    ) -> None:
        """Claim the message and the others of its batch, and run them `runs` times, as happens if results are lost."""
        together = choose([message, *(each for each in self.due() if each != message)], now=datetime.now(UTC))
        tasks = [task for each in together if (task := self._claim(each))]
        if not tasks:
            return
        self.ran.append(tasks[0]["name"])

        def call() -> None:
            with around():
                for _ in range(runs):
                    errors = [error for error in execute(tasks) if not isinstance(error, EXPECTED)]
                    self.bugs += [f"{tasks[0]['name']}: {error!r}" for error in errors]

        STAGE.perform(call, lambda done: self._settle(tasks, is_lost=done is LOST), ambush)

    def run_periodic(self) -> None:
        """Run all periodic tasks once."""
        for task in periodic._INTERVALS:
            if task.__name__ not in LEFT_OUT:
                task()

    def hurry(self) -> None:
        """Make the messages that wait for another attempt due now."""
        now = datetime.now(UTC)
        _messages().update_many({"attempts": {"$gt": 0}, "lock": {"$gt": now}, "owner": None}, {"$set": {"lock": now}})

    def _claim(self, message: Message) -> Message | None:
        """Claim the message and return its package, or None if the message is gone."""
        claim = {"lock": datetime.now(UTC) + CLAIMED_FOR, "owner": "evening"}
        claimed = _messages().find_one_and_update({"_id": message["_id"]}, {"$set": claim, "$inc": {"attempts": 1}})
        if claimed is None:
            return None
        package: Message = unpack(claimed["payload"])
        return package | {"ack_id": claimed["_id"], "attempt": claimed.get("attempts", 0) + 1}

    def _settle(self, tasks: list[Message], *, is_lost: bool) -> None:
        done = []
        for task in tasks:
            if is_lost:
                self._give_back(task["ack_id"], after=0.0)
            elif task["success"]:
                done.append(task["ack_id"])
            elif task.get("ack_failure"):
                self.failed.append(f"{task['name']}: {task['result']}")
                done.append(task["ack_id"])
            else:
                base, cap = BACKOFF_SECONDS
                self._give_back(task["ack_id"], after=min(cap, base * 2 ** (task["attempt"] - 1)))
        if done:
            _messages().delete_many({"_id": {"$in": done}})

    def _give_back(self, message_id: ObjectId, *, after: float) -> None:
        lock = datetime.now(UTC) + timedelta(seconds=after)
        _messages().update_one({"_id": message_id}, {"$set": {"lock": lock}, "$unset": RELEASED})


def execute(tasks: list[Message]) -> list[Exception | TimeoutException]:
    """Run the packages as a worker's process does, and note the outcome of each. Return the errors."""
    if (bulk := BULK.get(tasks[0]["name"])) is not None:
        outcomes = run_batch(bulk, tasks)
        return [outcome for outcome in outcomes if isinstance(outcome, Exception | TimeoutException)]
    (package,) = tasks
    errors: list[Exception | TimeoutException] = []
    function = import_string(package["func"])
    work_for_request_of(package)
    pre_execute.send(sender="evening", func=function, task=package)
    try:
        package |= {"result": function(*package["args"]), "success": True}
    except Exception as error:  # noqa: BLE001 - as django-q's worker
        package |= {"result": f"{type(error).__name__} {error}", "success": False}
        errors.append(error)
    finally:
        work_for_request_of(None)
    post_execute_in_worker.send(sender="evening", func=function, task=package)
    return errors


def queued() -> list[Message]:
    """Return the messages of the queue, oldest first, except those of the tasks in LEFT_OUT."""
    return READING.stored(MESSAGES, name={"$nin": sorted(LEFT_OUT)})


def _messages() -> Any:
    return connection.get_collection(MESSAGES)
