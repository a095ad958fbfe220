"""Durable tasks: functions that a `qcluster` runs at least once, enqueued in the caller's transaction."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from bson import ObjectId
from django.utils.module_loading import import_string
from pymongo.errors import DuplicateKeyError

from config.errors import ProductError, TransportError, Unavailable
from mongodb.collections import collection
from mongodb.impatient import delete_within
from mongodb.transactions import collect_at_commit, moment_of_writing
from taskqueue import replacement
from taskqueue.broker import CLAIM_MILLISECONDS
from taskqueue.executions import acknowledge_failure
from taskqueue.messages import MESSAGES, ONE_A_SUBJECT, Primitive, TaskCall, enqueue, message, put, task_call
from taskqueue.queues import Queue

TOGETHER = 100
# The time limit for deleting a thousand messages.
DISCARD_MILLISECONDS = 500


class DurableTask:
    """A task. Calling it runs it here and now; `enqueue` leaves it to a `qcluster`.

    It may run more than once, because the task of a killed worker is delivered again; so its writes are conditional.
    A permanent failure ends it and is listed under django-q's failed tasks; any other is tried again,
    later each time, at most `Q_CLUSTER["max_attempts"]` times.
    """

    def __init__(
        self, function: Callable[..., Primitive], queue: Queue, path: str = "", *, one_a_subject: bool = False
    ) -> None:
        self.function = function
        self.queue = queue
        self.path = path or f"{function.__module__}.{function.__qualname__}"
        if one_a_subject:
            ONE_A_SUBJECT.add(self.path)
        self.__name__ = self.path.rpartition(".")[2]
        self.__doc__ = function.__doc__

    def __call__(self, *args: Primitive) -> Primitive:
        try:
            return self.function(*args)
        except Exception as error:
            if is_permanent(error):
                acknowledge_failure()
            raise

    def enqueue(self, *args: Primitive, subject: str = "") -> None:
        """Run as soon as a worker is free, after the commit of the open transaction."""
        self.enqueue_at(moment_of_writing(), *args, subject=subject)

    def enqueue_at(self, when: datetime, *args: Primitive, subject: str = "") -> None:
        """Run not before the moment, after the commit of the open transaction."""
        enqueue(self._call(args, subject=subject, not_before=when))

    def reschedule(self, when: datetime, *args: Primitive, subject: str, keep_earlier: bool = False) -> None:
        """Run not before the moment, instead of all calls for the subject that are still waiting.

        With `keep_earlier` it takes over the moment, and so the place in the queue, of a waiting call that is due
        earlier.

        After the commit of the open transaction, one message for the subject waits. A message that a worker holds is
        not replaced, and may still run, so the task must notice that it is outdated.
        """
        if keep_earlier:
            when = min(when, replacement.waits_until(self.__name__, subject) or when)
        replacement.replace(self._call(args, subject=subject, not_before=when))

    def withdraw_at_commit(self, subject: str) -> None:
        """Delete the waiting messages of the subject with the open transaction, as its last write."""
        replacement.withdraw(self.__name__, subject)

    def enqueue_many(self, calls: list[tuple[Primitive, ...]], *, subject: str = "") -> None:
        """Enqueue a message for each tuple of arguments, in one insert."""
        now = moment_of_writing()
        put([message(self._call(args, subject=subject, not_before=now)) for args in calls])

    def enqueue_together(self, *args: Primitive, item: str) -> None:
        """Add the item to a message that the open transaction enqueues once for these arguments.

        The task is called with the arguments and up to TOGETHER items, one a line.
        """
        collect_at_commit(self._put_together, (args, item))

    def enqueue_once(self, message_id: ObjectId, when: datetime, *args: Primitive, subject: str = "") -> bool:
        """Enqueue unless a message with this id exists.

        Returns whether it did enqueue. For use outside a transaction.
        """
        document = message(self._call(args, subject=subject, not_before=when))
        try:
            collection(MESSAGES).insert_one({**document, "_id": message_id})
        except DuplicateKeyError:
            return False
        return True

    def due(self, *, now: datetime, limit: int) -> list[str]:
        """Return the subjects of the messages that a worker could claim now, each once, earliest due first."""
        return list(dict.fromkeys(due["subject"] for due in self._due(now).limit(limit)))

    def due_subjects(self, *, now: datetime) -> list[str]:
        """Return the subjects of all messages that a worker could claim now, however many messages there are."""
        subjects: list[str] = collection(MESSAGES).distinct("subject", self._due_at(now))
        return subjects

    def due_messages(
        self, *, now: datetime, limit: int, besides: Collection[str] = frozenset()
    ) -> dict[str, list[ObjectId]]:
        """Return the ids of the messages that a worker could claim now, by subject, earliest due first.

        Messages of the subjects `besides` are left out.
        """
        found: dict[str, list[ObjectId]] = {}
        for due in self._due(now, subject={"$nin": list(besides)}).limit(limit):
            found.setdefault(due["subject"], []).append(due["_id"])
        return found

    def discard(self, message_ids: list[ObjectId]) -> bool:
        """Delete those of the messages that no worker holds, at once.

        Returns False if transactions held some of them, so that some are left.
        """
        condition = {"_id": {"$in": message_ids}, "owner": None}
        return delete_within(MESSAGES, condition, milliseconds=DISCARD_MILLISECONDS)

    def is_queued(self, subject: str) -> bool:
        """Tell whether a message of this subject waits, or is held by a worker."""
        return collection(MESSAGES).find_one({"subject": subject, "name": self.__name__}, {"_id": True}) is not None

    def withdraw(self, subjects: list[str]) -> None:
        """Delete the messages of these subjects, at once. A message that a worker holds may still run.

        Some may be left if an open transaction has deleted one of them. They do no harm.
        """
        if subjects:
            condition = {"subject": {"$in": subjects}, "name": self.__name__}
            delete_within(MESSAGES, condition, milliseconds=CLAIM_MILLISECONDS)

    def _due(self, now: datetime, **more: object) -> Any:
        return collection(MESSAGES).find({**self._due_at(now), **more}, {"subject": True}).sort("lock", 1)

    def _due_at(self, now: datetime) -> dict[str, Any]:
        return {"key": self.queue.value, "lock": {"$lte": now}, "name": self.__name__}

    def _put_together(self, collected: list[tuple[tuple[Primitive, ...], str]]) -> None:
        by_args: dict[tuple[Primitive, ...], list[str]] = {}
        for args, item in collected:
            by_args.setdefault(args, []).append(item)
        self.enqueue_many(
            [
                (*args, "\n".join(items[start : start + TOGETHER]))
                for args, items in by_args.items()
                for start in range(0, len(items), TOGETHER)
            ]
        )

    def _call(self, args: tuple[Primitive, ...], *, subject: str, not_before: datetime) -> TaskCall:
        return task_call(self.path, args, key=self.queue.value, subject=subject, not_before=not_before)


def durable(function: Callable[..., Primitive]) -> DurableTask:
    """Make a module's function a durable task of the queue `work`."""
    return DurableTask(function, Queue.WORK)


def task_at(path: str, *, one_a_subject: bool = False) -> DurableTask:
    """Return the task of the queue `work` at a dotted path, for a module that the task's own module imports.

    The task is imported when it runs. Messages that name the calling module instead are understood, too. Callers
    `reschedule` it if at most one message a subject waits.
    """

    def run(*args: Primitive) -> Primitive:
        task: DurableTask = import_string(path)
        return task(*args)

    return DurableTask(run, Queue.WORK, path, one_a_subject=one_a_subject)


def durable_start(function: Callable[..., Primitive]) -> DurableTask:
    """Make a module's function a durable task of the queue `start`: for the start of shows only.

    It is called up to CLAIM_AHEAD before its moment, so it must wait itself before it takes effect
    (`commit_not_before`).
    """
    return DurableTask(function, Queue.START)


def is_permanent(error: Exception) -> bool:
    """Tell whether running the task again would fail in the same way."""
    if isinstance(error, TransportError):
        return error.permanent
    return isinstance(error, ProductError) and not isinstance(error, Unavailable)
