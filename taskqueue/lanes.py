"""The two lanes of the queue: a fan-out to 100,000 viewers must never delay another show's start."""

from dataclasses import dataclass
from enum import Enum

from django.conf import settings
from django_q.conf import Conf


class Lane(Enum):
    """A lane is a queue with workers of its own; its value is the `key` of its messages."""

    # Activation and its announcement.
    START = f"{Conf.PREFIX}-start"
    # All else, and what django-q's own pages and schedules enqueue.
    WORK = Conf.PREFIX


# Added to what an operator has set (nice(2)): where both lanes want the processor, shows start first.
_NICENESS = {Lane.WORK.value: 10}


@dataclass(frozen=True, slots=True)
class LaneWorkers:
    """How many workers of one `qcluster` serve the queue with the key."""

    key: str
    workers: int


def lanes_of_cluster(name: str) -> list[LaneWorkers]:
    """Return both lanes for the usual name; for an alternative one (`qcluster -n NAME`) only that queue."""
    if name != Conf.PREFIX:
        return [LaneWorkers(name, Conf.WORKERS)]
    return [LaneWorkers(Lane.START.value, settings.Q_START_WORKERS), LaneWorkers(Lane.WORK.value, Conf.WORKERS)]


def niceness(key: str) -> int:
    """Return by how much workers of the queue give way to others."""
    return _NICENESS.get(key, 0)
