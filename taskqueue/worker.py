"""A worker process: django-q's own worker loop, which gets its tasks from the broker and returns results to it.

django-q moves tasks through multiprocessing queues; when a process that holds the lock of such a queue is killed, the
lock stays taken for ever. Here each worker claims and acknowledges messages itself, so a dead worker leaves only its
claim. Batches of bulk tasks are run outside django-q's loop, which knows single tasks only.
"""

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from django_q.conf import Conf
from django_q.exceptions import TimeoutException
from django_q.signals import post_execute
from django_q.worker import worker as django_q_worker
from pymongo.errors import PyMongoError

from config import clock
from config.vendor_calls import has_answered, probing
from mongodb.deadlines import QUEUE_SECONDS, finish_within
from mongodb.failures import is_away
from mongodb.transactions import keep_client_session, kill_client_sessions
from taskqueue import outages
from taskqueue.broker import Claim, PreciseBroker, release_former
from taskqueue.durable import BULK
from taskqueue.executions import report_outcomes, work_for_request_of
from taskqueue.known_tasks import UnknownTask, find_task
from taskqueue.packages import Task, unpack
from taskqueue.periodic import periodic_names
from taskqueue.precedence import GivingWay, note_full_batch
from taskqueue.queues import look_every, niceness
from taskqueue.running import run_batch
from taskqueue.settling import give_up, settle, stuck_at

logger = logging.getLogger(__name__)

STOP = "STOP"  # ends django-q's loop
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
AWAY_PAUSE_SECONDS = 0.5
IN_DOUBT_PAUSE_SECONDS = 0.05
ASK_FOR_OUTAGE_EVERY_SECONDS = 0.5


def run_worker(
    key: str, timer: "Synchronized[float]", stuck_at: Any, epoch: Any, *, parent: int, run_once: bool
) -> None:
    """Work on the lane until SIGTERM, or, with run_once, until nothing is due."""
    _die_with(parent)
    os.nice(niceness(key))
    _libc().prctl(PR_SET_NAME, key.encode())  # `ps -o comm` and `top` show the key's first 15 characters
    broker = PreciseBroker(key)
    broker.session = keep_client_session()
    broker.stuck_at, broker.epoch = stuck_at, epoch
    source = ClaimedTasks(broker, run_once=run_once)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group, but the cluster stops the workers
    signal.signal(signal.SIGTERM, source.stop)
    django_q_worker(source, Results(source), timer, Conf.TIMEOUT)


class ClaimedTasks:
    """Replaces the task queue of django-q's worker: each `get` claims the next due message.

    `get` runs batches of bulk tasks itself.
    """

    def __init__(self, broker: PreciseBroker, *, run_once: bool) -> None:
        self.broker = broker
        self._run_once = run_once
        self._stopping = False
        self._lost_contact = False
        self._vendor = outages.vendor_of(broker.list_key)
        self._is_probe = False
        self._giving_way = GivingWay(broker.list_key)
        self._ask_for_outage_at = 0.0

    def stop(self, *_signal: object) -> None:
        """Take no further task; the running task goes on to its end."""
        self._stopping = True

    def get(self) -> Task | str:
        """Run batches until a task comes that is not a bulk task, and return that task.

        Return STOP instead if this worker has to end.
        """
        work_for_request_of(None)
        while not self._stopping:
            try:
                self._regain_contact()
                claims = self._claim()
                if not claims and self._run_once:
                    return STOP
                tasks = [task for claim in claims if (task := self._unpack(claim))]
                if tasks and tasks[0]["name"] not in BULK:
                    if single := self._single(tasks[0]):
                        return single
                elif tasks and not self._run(tasks):
                    return STOP
            except PyMongoError as error:
                self.lose_contact(error)
                time.sleep(AWAY_PAUSE_SECONDS)
        return STOP

    def settle(self, tasks: Sequence[Task], **how: bool) -> None:
        """Settle the messages.

        Raises PyMongoError if MongoDB is away. The messages are then given back when MongoDB returns.
        """
        try:
            with finish_within(QUEUE_SECONDS):
                settle(tasks, self.broker, **how)
        except PyMongoError as error:
            if is_away(error):
                raise
            # This worker still holds the messages. When it exits, the cluster gives the messages back, and the tasks
            # run again.
            logger.exception("can't settle task=%s count=%s", tasks[0]["name"], len(tasks))
            sys.exit(1)
        for task in tasks:
            post_execute.send(sender="django_q", task=task)

    def lose_contact(self, error: PyMongoError) -> None:
        """Note that MongoDB has not responded. The worker forgets what it holds."""
        logger.warning("queue unreachable queue=%s error=%s", self.broker.list_key, type(error).__name__)
        self._lost_contact = True
        self.broker.stuck_at.value = 0.0

    def _regain_contact(self) -> None:
        """If contact was lost, begin a new epoch, and give back what this worker had claimed.

        The worker's open transaction is aborted, too. A claim whose response was lost may still be waiting on a server
        that hangs. If the server carries it out later, the cluster finds the claim by its epoch.
        """
        if self._lost_contact:
            self.broker.epoch.value += 1
            with finish_within(QUEUE_SECONDS):
                kill_client_sessions([self.broker.session] if self.broker.session else [])
                release_former({self.broker.owner: self.broker.epoch.value})
            self._lost_contact = False

    def _claim(self) -> Sequence[Claim]:
        """Claim messages, or wait for some. While the vendor is away, claim one message for a probe, or wait."""
        if self._vendor and time.monotonic() >= self._ask_for_outage_at:
            with finish_within(QUEUE_SECONDS):
                self._is_probe = outages.is_away(self._vendor)
            self._ask_for_outage_at = time.monotonic() + (0 if self._is_probe else ASK_FOR_OUTAGE_EVERY_SECONDS)
        if self._is_probe:
            with finish_within(QUEUE_SECONDS):
                return self._claim_for_probe()
        if clock.is_in_doubt():
            time.sleep(IN_DOUBT_PAUSE_SECONDS)
            return ()
        self._giving_way.wait(unless=self._is_stopping)
        patience = timedelta(seconds=0 if self._run_once else look_every(self.broker.list_key))
        claims = self.broker.claim(patience=patience, unless=self._may_not_claim)
        if len(claims) > 1 and len(claims) == BULK[claims[0].name].most:
            note_full_batch(self.broker.list_key)
        return claims

    def _is_stopping(self) -> bool:
        return self._stopping

    def _may_not_claim(self) -> bool:
        return self._stopping or clock.is_in_doubt() or self._giving_way.is_due()

    def _claim_for_probe(self) -> Sequence[Claim]:
        claims: Sequence[Claim] = ()
        if outages.take_probe(self._vendor):
            claims = self.broker.claim_for_probe()
            if not claims and outages.has_messages(self._vendor):  # the vendor's messages wait in another lane
                outages.leave_probe(self._vendor, soon=True)
            elif not claims:
                outages.end(self._vendor)  # there is nothing to try, so assume that the vendor is back
        if not claims:
            time.sleep(Conf.POLL)
        return claims

    def _single(self, task: Task) -> Task | None:
        """Return the task with the function to call.

        If the task names no durable task, settle it as failed, and return None.
        """
        work_for_request_of(task)
        try:
            task["func"] = find_task(task["func"])
        except UnknownTask as error:
            task |= {"success": False, "result": str(error), "stopped": clock.now()}
            report_outcomes([task])
            self.settle([task])
            return None
        self.broker.stuck_at.value = stuck_at(task)
        return task

    def _run(self, tasks: Sequence[Task]) -> bool:
        """Run and settle the calls of a bulk task. Return False if they took too long, so that this worker must end."""
        self.broker.stuck_at.value = stuck_at(tasks[0])
        began, is_probe = time.monotonic(), probing.set(self._is_probe)
        try:
            outcomes = run_batch(BULK[tasks[0]["name"]], tasks)
        finally:
            probing.reset(is_probe)
        has_failed = bool(self._vendor) and any(outages.is_passing(outcome) for outcome in outcomes)
        no_answer = has_failed and not has_answered(self._vendor, since=began)
        if no_answer and not self._is_probe:
            outages.begin(self._vendor)
            self._ask_for_outage_at = 0.0
        timed_out = any(isinstance(outcome, TimeoutException) for outcome in outcomes)
        self.settle(tasks, as_probe=no_answer and self._is_probe, timed_out=timed_out)
        if self._is_probe:
            self._report_probe(since=began)
        self.broker.stuck_at.value = 0.0
        return not timed_out

    def _report_probe(self, *, since: float) -> None:
        """End the outage if the vendor has responded, else let a worker probe again later."""
        if has_answered(self._vendor, since=since):
            outages.end(self._vendor)
        else:
            outages.leave_probe(self._vendor)

    def _unpack(self, claim: Claim) -> Task | None:
        """Return the task, or None if it can't be read or has been tried too often."""
        try:
            task = _unpack_as_named(claim)
        except Exception:  # a package of an earlier release may raise anything when the code has changed
            logger.exception("unreadable message=%s queue=%s", claim.message_id, self.broker.list_key)
            self._leave(claim)
            return None
        task |= {"ack_id": claim.message_id, "cluster": self.broker.list_key, "attempt": claim.attempt}
        if claim.attempt <= Conf.MAX_ATTEMPTS:
            return task
        work_for_request_of(task)
        give_up(task, self.broker)
        return None

    def _leave(self, claim: Claim) -> None:
        """Set aside a message that can't be read.

        The message of a periodic task is deleted instead, because the task would not be queued again while the message
        exists.
        """
        if claim.name in periodic_names():
            self.broker.acknowledge(claim.message_id)
        else:
            self.broker.set_aside(claim.message_id)


class Results:
    """Replaces the result queue of django-q's worker: each `put` settles the message."""

    def __init__(self, source: ClaimedTasks) -> None:
        self._source = source

    def put(self, task: Task) -> None:
        """Acknowledge a success. Try a failure again later, or keep it as a dead letter."""
        task["stopped"] = clock.now()  # django-q has used the host's clock, which may be wrong
        try:
            self._source.settle([task])
        except PyMongoError as error:
            self._source.lose_contact(error)
        self._source.broker.stuck_at.value = 0.0


def _unpack_as_named(claim: Claim) -> Task:
    """Return the package. Raises ValueError if it has another name than the message.

    The names must agree, because messages are chosen for a batch by their names.
    """
    task = unpack(claim.payload)
    if claim.name not in {"", task["name"]}:
        raise ValueError(f"the message is named {claim.name}, but its task {task['name']}")
    return task


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the cluster dies. Exit at once if the cluster has died already."""
    if _libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(1)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
