"""The two queues: a fan-out to 100,000 viewers must never delay the start of another show."""

from dataclasses import dataclass
from enum import Enum

from django.conf import settings
from django_q.conf import Conf


class Queue(Enum):
    """A queue with workers of its own; the value is the `key` of its messages."""

    # The start of shows and its announcement.
    START = f"{Conf.PREFIX}-start"
    # All other tasks, and those that django-q's own pages and schedules enqueue.
    WORK = Conf.PREFIX


# Added to the niceness that the operator has set (nice(2)), so that starts come first where both need the processor.
_NICENESS = {Queue.WORK.value: 10}


@dataclass(frozen=True, slots=True)
class QueueWorkers:
    """The number of workers of one `qcluster` that serve the queue with the key."""

    key: str
    workers: int


def queues_of_cluster(name: str) -> list[QueueWorkers]:
    """Return both queues for the usual name of a cluster; for another name (`qcluster -n NAME`) only that queue."""
    if name != Conf.PREFIX:
        return [QueueWorkers(name, Conf.WORKERS)]
    return [QueueWorkers(Queue.START.value, settings.Q_START_WORKERS), QueueWorkers(Queue.WORK.value, Conf.WORKERS)]


def niceness(key: str) -> int:
    """Return the niceness of the queue's workers."""
    return _NICENESS.get(key, 0)
