"""Durable tasks: functions that a `qcluster` runs at least once, enqueued in the caller's transaction."""

from collections.abc import Callable
from datetime import UTC, datetime

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from config.errors import ProductError, TransportError, Unavailable
from config.transactions import collection
from taskqueue.messages import MESSAGES, Primitive, message, put
from taskqueue.outcomes import acknowledge_failure


class DurableTask:
    """A task. Calling it runs it here and now; `enqueue` leaves it to a `qcluster`.

    It may run more than once (a killed worker's task is delivered again), so its writes are conditional.
    A permanent failure ends it and is listed under django-q's failed tasks; any other is tried again
    after `Q_CLUSTER["retry"]` seconds, at most `max_attempts` times.
    """

    def __init__(self, function: Callable[..., Primitive]) -> None:
        self.function = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.path = f"{function.__module__}.{function.__qualname__}"

    def __call__(self, *args: Primitive) -> Primitive:
        try:
            return self.function(*args)
        except Exception as error:
            if is_permanent(error):
                acknowledge_failure()
            raise

    def enqueue(self, *args: Primitive, subject: str = "") -> None:
        """Run as soon as a worker is free, after the commit of the open transaction."""
        self.enqueue_at(datetime.now(UTC), *args, subject=subject)

    def enqueue_at(self, when: datetime, *args: Primitive, subject: str = "") -> None:
        """Run not before the moment, after the commit of the open transaction."""
        put([message(self.path, args, subject=subject, not_before=when)])

    def enqueue_many(self, calls: list[tuple[Primitive, ...]], *, subject: str = "") -> None:
        """Enqueue one message for each tuple of arguments, in one insert."""
        now = datetime.now(UTC)
        put([message(self.path, args, subject=subject, not_before=now) for args in calls])

    def enqueue_once(self, message_id: ObjectId, when: datetime, *args: Primitive, subject: str = "") -> None:
        """Enqueue unless a message with this id waits already. For use outside a transaction."""
        document = message(self.path, args, subject=subject, not_before=when)
        try:
            collection(MESSAGES).insert_one({**document, "_id": message_id})
        except DuplicateKeyError:
            return


def durable(function: Callable[..., Primitive]) -> DurableTask:
    """Make a module's function a durable task."""
    return DurableTask(function)


def is_permanent(error: Exception) -> bool:
    """Tell whether running the task again would fail in the same way."""
    if isinstance(error, TransportError):
        return error.permanent
    return isinstance(error, ProductError) and not isinstance(error, Unavailable)
