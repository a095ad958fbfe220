"""Periodic tasks: every cluster tries to enqueue them, and one message of each task exists at a time."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from bson import ObjectId

from config import clock
from taskqueue.durable import DurableTask, durable
from taskqueue.schedules import run_due

# The argument `once` with which each message of a periodic task is enqueued.
PERIODIC = "periodic"
_INTERVALS: dict[DurableTask, int] = {}
_CONDITIONS: dict[DurableTask, Callable[[], bool]] = {}


def every(seconds: int, task: DurableTask, *, when: Callable[[], bool] | None = None) -> DurableTask:
    """Run the task once in each interval of this many seconds, however many clusters there are.

    With `when`, the task is queued only if `when` returns true, so that nothing is queued while there is nothing to do.
    """
    _INTERVALS[task] = seconds
    if when:
        _CONDITIONS[task] = when
    return task


def periodic_names() -> set[str]:
    """Return the names of all periodic tasks. At most one message of each waits at any time."""
    return {task.__name__ for task in _INTERVALS}


def periodic_ids() -> list[ObjectId]:
    """Return the ids of the periodic tasks' messages. While a message with such an id exists, no other is queued."""
    return [task.id_of(PERIODIC) for task in _INTERVALS]


class RoutineFilter(logging.Filter):
    """Drops the lines about the beginning of a periodic task. Such lines would hide what happens to shows.

    What a run finds to do is logged by the task itself, and by the tasks and signals that follow.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep all other lines, and warnings and errors about any task."""
        if record.levelno > logging.INFO:
            return True
        message = record.getMessage()
        return not any(_says_that_it_begins(message, task) for task in _INTERVALS)


def _says_that_it_begins(message: str, task: DurableTask) -> bool:
    """Tell whether the line says that a task begins, logged by django-q or, for a bulk task, by our worker."""
    batch = f"processing calls=1 of={task.path}"
    return f"processing {task.__name__} '{task.path}'" in message or message.endswith(batch)


class PeriodicTasks:
    """Enqueues each periodic task once in an interval."""

    def __init__(self) -> None:
        self._enqueued: dict[DurableTask, int] = {}

    def enqueue_due(self, now: datetime) -> None:
        """Enqueue each task whose interval has begun, unless an earlier message of it exists.

        The message is due at the end of the interval.
        """
        for task, seconds in _INTERVALS.items():
            interval = int(now.timestamp()) // seconds
            if self._enqueued.get(task) == interval:
                continue
            if task in _CONDITIONS and not _CONDITIONS[task]():
                continue
            # Only one message of a task exists, because two simultaneous runs would compete for the same work.
            if task.enqueue(at=datetime.fromtimestamp((interval + 1) * seconds, tz=UTC), once=PERIODIC):
                self._enqueued[task] = interval


@durable
def run_schedules() -> None:
    """Turn the django-q schedules that are due into tasks. All clusters share this task, so they don't compete."""
    run_due(clock.now())


every(30, run_schedules)
