"""A worker process: django-q's own worker loop, fed from the broker and emptied into it.

django-q moves tasks through multiprocessing queues; when a process that holds the lock of such a queue is killed, the
lock stays taken for ever. Here each worker claims and acknowledges messages itself, so a dead worker leaves only its
claim.
"""

import ctypes
import logging
import math
import os
import random
import signal
import sys
import time
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_q.conf import Conf
from django_q.signals import post_execute
from django_q.signing import SignedPackage
from django_q.worker import worker as django_q_worker
from pymongo.errors import PyMongoError

from mongodb.transactions import keep_client_session
from taskqueue.broker import Claim, PreciseBroker, release
from taskqueue.executions import keep_failure, keep_success, work_for_request_of
from taskqueue.queues import Queue, niceness
from taskqueue.start_slots import StartSlot, YieldToStarts

logger = logging.getLogger(__name__)

STOP = "STOP"  # what ends django-q's loop
NO_TIMEOUT = -1  # django-q's own
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
AWAY_PAUSE_SECONDS = 0.5
BACKOFF_BASE_SECONDS = 0.5
BACKOFF_CAP_SECONDS = 60.0

Task = dict[str, Any]


def run_worker(key: str, timer: "Synchronized[float]", stuck_at: Any, *, parent: int, run_once: bool) -> None:
    """Work on the queue until SIGTERM, or with run_once until nothing is due."""
    _die_with(parent)
    os.nice(niceness(key))
    _libc().prctl(PR_SET_NAME, key.encode())  # `ps -o comm` and `top` show its first 15 characters
    broker = PreciseBroker(key)
    broker.session = keep_client_session()
    source = ClaimedTasks(broker, stuck_at, run_once=run_once)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the cluster decides
    signal.signal(signal.SIGTERM, source.stop)
    django_q_worker(source, Results(source.broker, stuck_at), timer, Conf.TIMEOUT)


class ClaimedTasks:
    """Stands in for the task queue of django-q's worker: each `get` claims the next due message."""

    def __init__(self, broker: PreciseBroker, stuck_at: Any, *, run_once: bool) -> None:
        self.broker = broker
        starts = broker.list_key == Queue.START.value
        self._slot = StartSlot() if starts and not run_once else None
        self._give_way = None if starts else YieldToStarts()
        self._stuck_at = stuck_at
        self._run_once = run_once
        self._stopping = False
        self._lost_contact = False
        self._may_be_due = True

    def stop(self, *_signal: object) -> None:
        """Take no further task; the running task goes on to its end."""
        self._stopping = True

    def get(self) -> Task | str:
        """Return the next task, or STOP."""
        work_for_request_of(None)
        if self._slot:
            self._slot.end()
        while not self._stopping:
            try:
                self._give_lost_claims_back()
                if self._slot:
                    self._slot.take(unless=self._is_stopping)
                claim = self._claim()
                self._may_be_due = claim is not None
                if claim and (task := self._unpack(claim)):
                    self._stuck_at.value = _stuck_at(task)
                    if self._slot:
                        self._slot.begin()
                    return task
                if claim is None and self._run_once:
                    return STOP
            except PyMongoError as error:
                logger.warning("queue unreachable queue=%s error=%s", self.broker.list_key, type(error).__name__)
                self._lost_contact = True
                if self._slot:
                    self._slot.leave()
                time.sleep(AWAY_PAUSE_SECONDS)
        return STOP

    def _give_lost_claims_back(self) -> None:
        """Give back messages that this worker may have claimed although the answer to its claim was lost."""
        if self._lost_contact:
            release([self.broker.owner])
            self._lost_contact = False

    def _claim(self) -> Claim | None:
        """Claim a message, or wait for one."""
        if self._give_way:
            self._give_way.give_way(unless=self._is_stopping)
        if self._stopping:
            return None
        if self._may_be_due or self._run_once:
            return self.broker.claim()
        return self.broker.await_claim(unless=self._may_not_claim)

    def _is_stopping(self) -> bool:
        return self._stopping

    def _may_not_claim(self) -> bool:
        return self._stopping or (self._give_way is not None and self._give_way.is_due())

    def _unpack(self, claim: Claim) -> Task | None:
        """Return the task; None if it can't be read or has been tried too often."""
        try:
            task: Task = SignedPackage.loads(claim.payload)
        except Exception:  # unpickling may raise anything when the code has changed
            logger.exception("unreadable message=%s queue=%s", claim.message_id, self.broker.list_key)
            self.broker.set_aside(claim.message_id)
            return None
        work_for_request_of(task)
        task |= {"ack_id": claim.message_id, "cluster": self.broker.list_key, "attempt": claim.attempt}
        if claim.attempt <= Conf.MAX_ATTEMPTS:
            return task
        task |= {
            "success": False,
            "result": f"Given up after {Conf.MAX_ATTEMPTS} attempts.",
            "stopped": timezone.now(),
        }
        _bury(task, self.broker)
        return None


class Results:
    """Stands in for the result queue of django-q's worker: each `put` settles the message."""

    def __init__(self, broker: PreciseBroker, stuck_at: Any) -> None:
        self._broker = broker
        self._stuck_at = stuck_at

    def put(self, task: Task) -> None:
        """Acknowledge a success; try a failure again later, or keep it as a dead letter."""
        try:
            self._settle(task)
        except PyMongoError:
            # This worker still holds the message. When it exits the message is given back, and the task runs again.
            logger.exception("can't settle task=%s id=%s", task["name"], task["id"])
            sys.exit(1)
        self._stuck_at.value = 0.0
        post_execute.send(sender="django_q", task=task)

    def _settle(self, task: Task) -> None:
        if task["success"]:
            keep_success(task, self._broker)
            self._broker.acknowledge(task["ack_id"])
        elif task.get("ack_failure") or task["attempt"] >= Conf.MAX_ATTEMPTS:
            _bury(task, self._broker)
        else:
            seconds = backoff_seconds(task["attempt"])
            self._broker.retry_after(task["ack_id"], seconds)
            logger.warning("retry task=%s attempt=%s seconds=%.1f", task["name"], task["attempt"], seconds)


def backoff_seconds(attempt: int) -> float:
    """Return the pause in seconds after the attempt: doubled each time up to the cap, with jitter in its upper half."""
    ceiling = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2 ** (attempt - 1))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not a secret


def _bury(task: Task, broker: PreciseBroker) -> None:
    """Move a task to django-q's failed tasks, where people see it and can send it again."""
    logger.error("dead letter task=%s id=%s group=%s", task["name"], task["id"], task.get("group"))
    keep_failure(task, broker)
    broker.acknowledge(task["ack_id"])


def _stuck_at(task: Task) -> float:
    """Return the monotonic time at which a task that starts now is stuck. A task may have a time-out of its own."""
    seconds = task.get("timeout", Conf.TIMEOUT)
    return math.inf if seconds == NO_TIMEOUT else time.monotonic() + seconds + settings.Q_STUCK_GRACE_SECONDS


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the cluster dies. Exit at once if it has died already."""
    if _libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(1)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
