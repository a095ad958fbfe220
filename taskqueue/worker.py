"""A worker process: django-q's own worker loop, fed from the broker and emptied into it.

django-q moves tasks through multiprocessing queues, whose lock stays taken for ever when its holder is
killed. Here a worker claims and acknowledges for itself, so a dead one leaves nothing but its claim.
"""

import ctypes
import logging
import os
import random
import signal
import sys
import time
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from django_q.conf import Conf
from django_q.monitor import save_task
from django_q.signals import post_execute
from django_q.signing import BadSignature, SignedPackage
from django_q.worker import worker as django_q_worker
from pymongo.errors import PyMongoError

from config.transactions import collection
from taskqueue.broker import Claim, PreciseBroker
from taskqueue.messages import MESSAGES

logger = logging.getLogger(__name__)

STOP = "STOP"  # what ends django-q's loop
PR_SET_PDEATHSIG = 1
AWAY_PAUSE_SECONDS = 0.5
BACKOFF_BASE_SECONDS = 0.5
BACKOFF_CAP_SECONDS = 60.0

Task = dict[str, Any]


def run_worker(key: str, timer: "Synchronized[float]", busy_since: Any, *, parent: int, run_once: bool) -> None:
    """Work on the queue until told to stop (SIGTERM), or with run_once until nothing is due."""
    _die_with(parent)
    source = ClaimedTasks(PreciseBroker(key), busy_since, run_once=run_once)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the cluster decides
    signal.signal(signal.SIGTERM, source.stop)
    django_q_worker(source, Results(source.broker, busy_since), timer, Conf.TIMEOUT)


class ClaimedTasks:
    """What django-q's worker takes for its task queue: each `get` claims the next due message."""

    def __init__(self, broker: PreciseBroker, busy_since: Any, *, run_once: bool) -> None:
        self.broker = broker
        self._busy_since = busy_since
        self._run_once = run_once
        self._stopping = False

    def stop(self, *_signal: object) -> None:
        """Take no further task; the one that runs is finished."""
        self._stopping = True

    def get(self) -> Task | str:
        """Return the next task, or STOP."""
        while not self._stopping:
            try:
                claim = self.broker.claim()
                if claim is None and self._run_once:
                    return STOP
                if claim is None:
                    self.broker.sleep_until_due()
                elif task := self._unpack(claim):
                    self._busy_since.value = time.monotonic()
                    return task
            except PyMongoError as error:
                logger.warning("queue unreachable queue=%s error=%s", self.broker.list_key, type(error).__name__)
                time.sleep(AWAY_PAUSE_SECONDS)
        return STOP

    def _unpack(self, claim: Claim) -> Task | None:
        """Return the task; None for one that can't be read, or that has been tried too often."""
        try:
            task: Task = SignedPackage.loads(claim.payload)
        except (TypeError, BadSignature):
            logger.exception("unreadable message=%s queue=%s", claim.message_id, self.broker.list_key)
            unreadable = {"key": f"{self.broker.list_key}-unreadable"}
            collection(MESSAGES).update_one({"_id": claim.message_id}, {"$set": unreadable})
            return None
        task |= {"ack_id": claim.message_id, "cluster": self.broker.list_key, "attempt": claim.attempt}
        if claim.attempt <= Conf.MAX_ATTEMPTS:
            return task
        task |= {
            "success": False,
            "result": f"Given up after {Conf.MAX_ATTEMPTS} attempts.",
            "stopped": task["started"],
        }
        _bury(task, self.broker)
        return None


class Results:
    """What django-q's worker takes for its result queue: each `put` settles the message."""

    def __init__(self, broker: PreciseBroker, busy_since: Any) -> None:
        self._broker = broker
        self._busy_since = busy_since

    def put(self, task: Task) -> None:
        """Acknowledge a success; try a failure again later, or keep it as a dead letter."""
        try:
            self._settle(task)
        except PyMongoError:
            # The message is still claimed by us. Dying gives it back, and it runs again.
            logger.exception("can't settle task=%s id=%s", task["name"], task["id"])
            sys.exit(1)
        self._busy_since.value = 0.0
        post_execute.send(sender="django_q", task=task)

    def _settle(self, task: Task) -> None:
        if task["success"]:
            save_task(task, self._broker)
            self._broker.acknowledge(task["ack_id"])
        elif task.get("ack_failure") or task["attempt"] >= Conf.MAX_ATTEMPTS:
            _bury(task, self._broker)
        else:
            seconds = backoff_seconds(task["attempt"])
            self._broker.retry_after(task["ack_id"], seconds)
            logger.warning("retry task=%s attempt=%s seconds=%.1f", task["name"], task["attempt"], seconds)


def backoff_seconds(attempt: int) -> float:
    """Return how long to wait after the attempt: doubling to the cap, the upper half of it at random."""
    ceiling = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2 ** (attempt - 1))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not a secret


def _bury(task: Task, broker: PreciseBroker) -> None:
    """Move a task to django-q's failed tasks, where people see it and can send it again."""
    logger.error("dead letter task=%s id=%s group=%s", task["name"], task["id"], task.get("group"))
    save_task(task, broker)
    broker.acknowledge(task["ack_id"])


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the cluster's dies; it may have died already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(1)
