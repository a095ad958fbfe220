"""The two queues: a fan-out to 100,000 viewers must never delay the start of another show."""

from dataclasses import dataclass
from enum import Enum

from django.conf import settings
from django_q.conf import Conf


class Queue(Enum):
    """A queue with workers of its own; the value is the `key` of its messages."""

    # Activation and its announcement.
    START = f"{Conf.PREFIX}-start"
    # All else, and what django-q's own pages and schedules enqueue.
    WORK = Conf.PREFIX


# Added to what an operator has set (nice(2)): where both queues want the processor, shows start first.
_NICENESS = {Queue.WORK.value: 10}


@dataclass(frozen=True, slots=True)
class QueueWorkers:
    """How many workers of one `qcluster` serve the queue with the key."""

    key: str
    workers: int


def queues_of_cluster(name: str) -> list[QueueWorkers]:
    """Return both queues for the usual name; for an alternative one (`qcluster -n NAME`) only that queue."""
    if name != Conf.PREFIX:
        return [QueueWorkers(name, Conf.WORKERS)]
    return [QueueWorkers(Queue.START.value, settings.Q_START_WORKERS), QueueWorkers(Queue.WORK.value, Conf.WORKERS)]


def niceness(key: str) -> int:
    """Return by how much workers of the queue give way to others."""
    return _NICENESS.get(key, 0)
