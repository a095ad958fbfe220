"""Settles a message when its task has run: deletes it, has it tried again later, or keeps it as a dead letter."""

import logging
import math
import random
import time
from collections.abc import Sequence

from django.conf import settings
from django_q.conf import Conf

from config import clock
from taskqueue.broker import PreciseBroker
from taskqueue.packages import Task
from taskqueue.results import keep_failure, keep_successes

logger = logging.getLogger(__name__)

BACKOFF_BASE_SECONDS = 0.5
BACKOFF_CAP_SECONDS = 60.0
NO_TIMEOUT = -1  # django-q's value for a task without a time-out


def settle(tasks: Sequence[Task], broker: PreciseBroker, *, as_probe: bool = False, timed_out: bool = False) -> None:
    """Acknowledge the successes. Try the failures again later, or keep them as dead letters.

    The failed attempt of a probe says nothing about the task, so it does not count unless it is the first attempt. If
    the batch has `timed_out`, its tasks are tried again one by one, because one of them may hang.
    """
    done = [task for task in tasks if task["success"]]
    if kept := [task for task in done if task.get("save", True)]:
        keep_successes(kept)
    if done:
        broker.acknowledge_all([task["ack_id"] for task in done])
    pauses = {}
    for task in tasks:
        if task["success"]:
            continue
        if task.get("ack_failure") or (task["attempt"] >= Conf.MAX_ATTEMPTS and not as_probe):
            _bury(task, broker)
            continue
        pauses[task["ack_id"]] = seconds = backoff_seconds(task["attempt"])
        logger.warning("retry task=%s attempt=%s seconds=%.1f", task["name"], task["attempt"], seconds)
    if pauses:
        broker.retry_after(pauses, uncounted=as_probe and tasks[0]["attempt"] > 1, alone=timed_out)


def give_up(task: Task, broker: PreciseBroker) -> None:
    """Make a dead letter of a task that has been tried too often, for example because it kills its workers."""
    task |= {
        "success": False,
        "result": f"Given up after {Conf.MAX_ATTEMPTS} attempts.",
        "stopped": clock.now(),
    }
    _bury(task, broker)


def backoff_seconds(attempt: int) -> float:
    """Return the pause in seconds after the attempt.

    It doubles with each attempt up to the cap, and is then shortened by a random part of up to half.
    """
    ceiling = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2 ** (attempt - 1))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not a secret


def stuck_at(task: Task) -> float:
    """Return the monotonic time from which a task that starts now counts as stuck. A task may have its own time-out."""
    seconds = task.get("timeout", Conf.TIMEOUT)
    return math.inf if seconds == NO_TIMEOUT else time.monotonic() + seconds + settings.Q_STUCK_GRACE_SECONDS


def _bury(task: Task, broker: PreciseBroker) -> None:
    """Move a task to django-q's failed tasks, where staff see it and can run it again."""
    logger.error("dead letter task=%s id=%s group=%s", task["name"], task["id"], task.get("group"))
    keep_failure(task)
    broker.acknowledge(task["ack_id"])
