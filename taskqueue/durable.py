"""Durable tasks: functions that a `qcluster` runs at least once, enqueued in the caller's transaction."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from bson import ObjectId
from django.utils.module_loading import import_string
from pymongo.errors import DuplicateKeyError

from config.errors import ProductError, TransportError, Unavailable
from mongodb.collections import Document, tolerant_collection
from taskqueue import replacement
from taskqueue.calls import Call, Outcome
from taskqueue.executions import acknowledge_failure
from taskqueue.messages import MESSAGES, Primitive, due_at_once, message, put
from taskqueue.queues import Queue

USUAL_RANK = 1

# TASKS maps each path to its task. BULK maps the name of each bulk task to the task.
TASKS: "dict[str, DurableTask]" = {}
BULK: "dict[str, BulkTask]" = {}


class DurableTask:
    """A task. Calling it runs it here and now; `enqueue` leaves it to a `qcluster`.

    It may run more than once, because the task of a killed worker is delivered again. Its writes must therefore be
    conditional. A permanent failure ends the task, which is then listed under django-q's failed tasks. After any other
    failure, a worker tries it again after ever longer pauses, at most `Q_CLUSTER["max_attempts"]` times.
    """

    save = True

    def __init__(self, function: Callable[..., Primitive], queue: Queue, path: str = "") -> None:
        self.function = function
        self.queue = queue
        self.path = path or f"{function.__module__}.{function.__qualname__}"
        self.__name__ = self.path.rpartition(".")[2]
        self.__doc__ = function.__doc__
        TASKS[self.path] = self

    def __str__(self) -> str:
        return self.path

    def __call__(self, *args: Primitive) -> Primitive:
        try:
            return self.function(*args)
        except Exception as error:
            if is_permanent(error):
                acknowledge_failure()
            raise

    def enqueue(
        self,
        *args: Primitive,
        at: datetime | None = None,
        once: str | None = None,
        subject: str = "",
        weight: int = 1,
    ) -> bool:
        """Insert a message that runs the task: with the commit of the open transaction, or at once if none is open.

        Return whether the message was new. The task runs as soon as a worker is free, but not before `at`. With `once`,
        nothing is inserted if a message of this task with the same `once` exists. Use `once` only outside of a
        transaction. `subject` is the id of the goal that the task is about, or "". `weight` says how much of a batch
        the message takes (see `bulk`).
        """
        entry = self._message(args, at or due_at_once(), subject=subject, weight=weight)
        if once is None:
            put(entry)
            return True
        try:
            put(entry | {"_id": self.id_of(once)})
        except DuplicateKeyError:
            return False
        return True

    def id_of(self, once: str) -> ObjectId:
        """Return the id of a message that was enqueued with this `once`."""
        return ObjectId(hashlib.sha256(f"{self.path} {once}".encode()).digest()[:12])

    def replace(self, *args: Primitive, at: datetime, subject: str, keep_earlier: bool = False) -> None:
        """Enqueue the task in place of all messages for the subject that still wait.

        If a waiting message is due earlier than `at`, and `keep_earlier` is true, the new message is due at that
        earlier moment. After the commit of the open transaction, one message for the subject waits. A message that a
        worker holds is not replaced, and may still run, so the task must notice that it is outdated.
        """
        if keep_earlier:
            at = min(at, replacement.waits_until(self.__name__, subject) or at)
        replacement.replace(self._message(args, at, subject=subject))

    def withdraw(self, subject: str) -> None:
        """Delete the waiting messages of the subject.

        They are deleted by the last write of the open transaction, or at once if none is open.
        """
        replacement.withdraw(self.__name__, subject)

    def is_queued(self, subject: str) -> bool:
        """Tell whether a message of this subject waits, or is held by a worker."""
        return bool(self.queued_among([subject]))

    def queued_among(self, subjects: Collection[str]) -> set[str]:
        """Return those of the subjects for which a message waits, or is held by a worker.

        A message outside of the lanes, for example one that was set aside, does not count, because no worker takes it.
        """
        lanes = [lane.value for lane in Queue]
        theirs = {"subject": {"$in": list(subjects)}, "name": self.__name__, "key": {"$in": lanes}}
        found = tolerant_collection(MESSAGES).distinct("subject", theirs)
        return {subject for subject in found if isinstance(subject, str)} & set(subjects)

    def _message(self, args: tuple[Primitive, ...], at: datetime, *, subject: str, weight: int = 1) -> Document:
        return message(
            self.path, args, key=self.queue.value, not_before=at, subject=subject, weight=weight, save=self.save
        )


class BulkTask(DurableTask):
    """A task that runs many calls together: a worker claims up to `most` due messages and hands their calls over.

    The function returns the outcome of each call, in order: a result, or the exception of that call. If the function
    raises, each call is run alone, so that one call that can't be run does not harm the others. If MongoDB is
    unavailable, all calls count as failed instead.
    """

    def __init__(
        self,
        many: Callable[[Sequence[Call]], Sequence[Outcome]],
        queue: Queue,
        *,
        most: int,
        heaviest: int = 0,
        rank: int = USUAL_RANK,
        save: bool = True,
    ) -> None:
        super().__init__(self._one, queue, f"{many.__module__}.{many.__qualname__}")
        self.__doc__ = many.__doc__
        self.most = most
        self.heaviest = heaviest or most
        self.rank = rank
        self.save = save
        self._many = many
        BULK[self.__name__] = self

    def run(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        """Run the calls, and return the outcome of each."""
        outcomes = self._many(calls)
        if len(outcomes) != len(calls):
            raise AssertionError(f"{self.path}: {len(outcomes)} outcomes for {len(calls)} calls")
        return outcomes

    def _one(self, *args: Primitive) -> Primitive:
        (outcome,) = self.run([Call(args)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def durable(function: Callable[..., Primitive]) -> DurableTask:
    """Make a module's function a durable task of the lane WORK."""
    return DurableTask(function, Queue.WORK)


def bulk(
    queue: Queue, *, most: int, heaviest: int = 0, rank: int = USUAL_RANK, save: bool = True
) -> Callable[[Callable[[Sequence[Call]], Sequence[Outcome]]], BulkTask]:
    """Make a module's function a bulk task of the lane.

    A batch has at most `most` messages, which together weigh at most `heaviest` (0 means `most`). One message may weigh
    more. A lane runs tasks of a lower `rank` first, and within a rank the messages that have been due longest. Rank 0
    is for what people wait for when a show starts, because hundreds of other shows may end, and funding goals may
    lapse, at the same moment. If `save` is false, the success of a call is not noted, because the task itself notes
    what it has done.
    """

    def make(function: Callable[[Sequence[Call]], Sequence[Outcome]]) -> BulkTask:
        return BulkTask(function, queue, most=most, heaviest=heaviest, rank=rank, save=save)

    return make


def task_at(path: str, queue: Queue = Queue.WORK) -> DurableTask:
    """Return the task at a dotted path. Use this in a module that the task's own module imports.

    The task is imported when it runs. A message may also name the task by its path in the module that calls `task_at`.
    """

    def run(*args: Primitive) -> Primitive:
        task: DurableTask = import_string(path)
        return task(*args)

    return DurableTask(run, queue, path)


def is_permanent(error: Exception) -> bool:
    """Tell whether the task would fail in the same way if it were run again."""
    if isinstance(error, TransportError):
        return error.permanent
    return isinstance(error, ProductError) and not isinstance(error, Unavailable)
