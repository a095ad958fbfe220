"""Periodic tasks: every cluster enqueues them, and one message an interval wins."""

import hashlib
from datetime import UTC, datetime

from bson import ObjectId
from django_q.scheduler import scheduler

from taskqueue.broker import PreciseBroker
from taskqueue.durable import DurableTask, durable
from taskqueue.lanes import Lane

_INTERVALS: dict[DurableTask, int] = {}


def every(seconds: int, task: DurableTask) -> DurableTask:
    """Have the task run once every so many seconds, however many clusters there are."""
    _INTERVALS[task] = seconds
    return task


class PeriodicTasks:
    """Enqueues each periodic task once an interval."""

    def __init__(self) -> None:
        self._enqueued: dict[DurableTask, int] = {}

    def enqueue_due(self, now: datetime) -> None:
        """Enqueue the tasks of intervals that have begun; the message runs when its interval ends."""
        for task, seconds in _INTERVALS.items():
            interval = int(now.timestamp()) // seconds
            if self._enqueued.get(task) == interval:
                continue
            digest = hashlib.sha256(f"{task.path}:{interval}".encode()).digest()
            task.enqueue_once(ObjectId(digest[:12]), datetime.fromtimestamp((interval + 1) * seconds, tz=UTC))
            self._enqueued[task] = interval


@durable
def run_schedules() -> None:
    """Turn django-q schedules that are due into tasks. As one task for all clusters: two at once would do it twice."""
    scheduler(broker=PreciseBroker(Lane.WORK.value))


every(30, run_schedules)
