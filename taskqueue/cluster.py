"""The crash-only cluster, which forks the workers of its queues and replaces those that die.

The claims of a dead worker are released at once. If this process dies, the kernel kills its workers, and another
cluster on this host, or the next one to start there, releases their claims.
"""

import gc
import logging
import signal
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from multiprocessing.sharedctypes import RawValue, Value
from os import getpid
from typing import Any

from django.conf import settings
from django_q.conf import Conf
from pymongo.errors import PyMongoError

from config import clock
from mongodb.deadlines import QUEUE_SECONDS, finish_within
from taskqueue import bells, host_locks, outages
from taskqueue.aside import Tried, sweep, take_back_readable
from taskqueue.broker import is_due, release, release_former
from taskqueue.claim_owner import of_process, this_process
from taskqueue.clock_skew import ClockWatch
from taskqueue.heartbeat import beat, leave
from taskqueue.leases import Contact, forget_silent_clusters, release_dead_owners
from taskqueue.periodic import PeriodicTasks
from taskqueue.queues import Queue, QueueWorkers
from taskqueue.supervisor import say_ready
from taskqueue.waiting import await_database
from taskqueue.worker import run_worker

logger = logging.getLogger(__name__)

CYCLE_SECONDS = 0.1
BEAT_SECONDS = 5.0
# How often to look for messages that no worker finds, because one of their fields has a wrong type.
SWEEP_SECONDS = 30.0
# The claims of a dead cluster of this host are released within this time.
LOOK_SECONDS = 1.0
# For this long after a message was taken back, the cluster looks in every cycle, because a worker of an earlier release
# may take the message again.
MIXED_SECONDS = 10.0
# The pause before a dead worker is replaced, so that workers that die as soon as they start cause no tight loop.
RESPAWN_PAUSE_SECONDS = 0.2
# The second stop signal ends even the running tasks.
FORCE_AT = 2

_fork = get_context("fork")


@dataclass(slots=True)
class Worker:
    """A child process that works on a queue, and the name under which it claims.

    `stuck_at` is 0, or the monotonic time from which its task or its claim counts as stuck. `epoch` counts how often
    the worker has lost contact with MongoDB. `timer` is django-q's; it is kept here so that its shared memory is not
    given to the next worker.
    """

    key: str
    process: ForkProcess
    owner: str
    stuck_at: Any
    epoch: Any
    timer: Any


class Cluster:
    """The main process of `qcluster`."""

    def __init__(self, queues: list[QueueWorkers], *, run_once: bool = False) -> None:
        self._queues = queues
        self._run_once = run_once
        self._workers: list[Worker] = []
        self._periodic = PeriodicTasks()
        self._stop_signals = 0
        self._deaths = 0
        self._started_at = clock.now()
        self._beat_after = self._sweep_after = 0.0
        self._contact = Contact(time.monotonic())
        self._clock_watch = ClockWatch()
        self._tried = Tried()
        self._look_after = 0.0
        self._mixed_until = 0.0

    def run(self) -> None:
        """Wait for the database. Then work until SIGTERM or Ctrl-C, or, with run_once, until nothing is due.

        With run_once, raises NotReady instead of waiting for the database.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop_signal)
        if not await_database(unless=self._is_stopping, once=self._run_once):
            return
        try:
            self._work()
            self._stop()
        except BaseException:
            for worker in self._workers:
                worker.process.kill()  # else this process would wait for the workers without replacing dead ones
            raise

    def _work(self) -> None:
        clock.doubt()
        bells.hang_up(queue.key for queue in self._queues)
        self._keep_contact()  # measures the clock and writes a heartbeat before a worker claims anything
        # If the modules were not frozen, a worker's garbage collector would scan them for 30 ms while a show starts.
        gc.freeze()
        self._spawn_all()
        logger.info("cluster runs pid=%s queues=%s", getpid(), {queue.key: queue.workers for queue in self._queues})
        say_ready()
        while not self._stop_signals and self._has_work():
            self._cycle()
            time.sleep(CYCLE_SECONDS)

    def _has_work(self) -> bool:
        """Tell whether to go on.

        With run_once, start workers again if something is due: the last tasks may have queued others, or the workers
        may have been recycled.
        """
        if not self._workers and any(_has_due(queue.key) for queue in self._queues):
            self._spawn_all()
        return bool(self._workers)

    def _spawn_all(self) -> None:
        for queue in self._queues:
            for _ in range(queue.workers):
                self._spawn(queue.key)

    def _cycle(self) -> None:
        """Replace dead workers, kill stuck ones, and keep contact with MongoDB."""
        for worker in list(self._workers):
            if worker.process.exitcode is not None:
                self._bury(worker)
            elif 0 < worker.stuck_at.value < time.monotonic():
                logger.critical("stuck worker=%s queue=%s", worker.process.pid, worker.key)
                worker.process.kill()
        self._look()

    def _bury(self, worker: Worker) -> None:
        """Take a dead worker off the list and, unless it was meant to end, start another one."""
        self._workers.remove(worker)
        if worker.process.exitcode:
            self._deaths += 1
            logger.critical(
                "worker died worker=%s queue=%s exit=%s", worker.process.pid, worker.key, worker.process.exitcode
            )
            time.sleep(RESPAWN_PAUSE_SECONDS)
        self._release([worker.owner], died=bool(worker.process.exitcode))
        if worker.process.exitcode or not self._run_once:
            self._spawn(worker.key)

    def _spawn(self, key: str) -> None:
        stuck_at, epoch, timer = RawValue("d", 0.0), RawValue("L", 0), Value("f", -1)
        process = _fork.Process(
            target=run_worker,
            args=(key, timer, stuck_at, epoch),
            kwargs={"parent": getpid(), "run_once": self._run_once},
        )
        process.start()
        # The owner's name contains the start time of the process, so it is determined while the process lives.
        self._workers.append(Worker(key, process, of_process(process.pid or 0), stuck_at, epoch, timer))

    def _look(self) -> None:
        """Keep contact once a second, or in each cycle for MIXED_SECONDS after messages were taken back."""
        if time.monotonic() >= self._look_after:
            if self._keep_contact():
                self._mixed_until = time.monotonic() + MIXED_SECONDS
            is_mixed = time.monotonic() < self._mixed_until
            self._look_after = time.monotonic() + (CYCLE_SECONDS if is_mixed else LOOK_SECONDS)

    def _keep_contact(self) -> int:
        """Measure the clock and write the heartbeat, if they are due, and release forgotten claims.

        Those are the claims of dead workers, and the claims that living workers have lost with their contact to
        MongoDB. Messages are also set aside and taken back (`aside.py`). Return how many were taken back.
        """
        count = 0
        try:
            with finish_within(QUEUE_SECONDS):
                if time.monotonic() >= self._beat_after or clock.is_in_doubt():
                    self._clock_watch.look()
                if time.monotonic() >= self._beat_after:
                    self._beat()
                    self._beat_after = time.monotonic() + BEAT_SECONDS
                released = release_dead_owners(also_silent=self._contact.is_long(time.monotonic()))
                released += release_former({each.owner: each.epoch.value for each in self._workers})
                keys = [queue.key for queue in self._queues]
                if time.monotonic() >= self._sweep_after:
                    self._sweep_after = time.monotonic() + SWEEP_SECONDS
                    sweep(keys, default=Queue.WORK.value)
                if count := take_back_readable(keys, self._tried):
                    logger.warning("took back messages=%s that were set aside", count)
        except PyMongoError as error:
            self._contact.lose()
            logger.warning("heartbeat failed error=%s", type(error).__name__)
        else:
            self._contact.note(time.monotonic())
            self._log_released(released)
        return count

    def _beat(self) -> None:
        workers = {queue.key: sum(worker.key == queue.key for worker in self._workers) for queue in self._queues}
        if problem := host_locks.problem():
            logger.warning("no locks, so workers compete for messages problem=%s", problem)
        beat(this_process(), started_at=self._started_at, workers=workers, deaths=self._deaths, problem=problem)
        if not clock.is_in_doubt():
            self._periodic.enqueue_due(clock.now())
        if self._contact.is_long(time.monotonic()):
            forget_silent_clusters()

    def _stop(self) -> None:
        """Let running tasks end. Kill workers that take too long, and all workers after a second signal."""
        patience_ends = time.monotonic() + Conf.TIMEOUT + settings.Q_STUCK_GRACE_SECONDS
        for worker in self._workers:
            while (
                worker.process.exitcode is None and self._stop_signals < FORCE_AT and time.monotonic() < patience_ends
            ):
                self._ask_to_stop()
                self._look()  # a cluster that is silent loses its claims
                worker.process.join(CYCLE_SECONDS)
            worker.process.kill()
            worker.process.join()
        if self._release([worker.owner for worker in self._workers]):
            with finish_within(QUEUE_SECONDS):
                leave(this_process())
        logger.info("cluster stopped pid=%s", getpid())

    def _ask_to_stop(self) -> None:
        """Tell all workers to stop.

        A worker that has just been forked may miss the signal, so `_stop` calls this again and again.
        """
        for worker in self._workers:
            if worker.process.exitcode is None:
                worker.process.terminate()

    def _release(self, owners: list[str], *, died: bool = False) -> bool:
        """Release the owners' claims. Return False if MongoDB is away; the claims are then released later."""
        try:
            with finish_within(QUEUE_SECONDS):
                self._log_released(release(owners, died=died))
        except PyMongoError as error:
            logger.warning("claims can't be released now, will try again error=%s", type(error).__name__)
            return False
        return True

    def _log_released(self, count: int) -> None:
        if count:
            logger.warning("released messages=%s of dead workers", count)

    def _is_stopping(self) -> bool:
        return bool(self._stop_signals)

    def _on_stop_signal(self, *_signal: object) -> None:
        self._stop_signals += 1


def _has_due(key: str) -> bool:
    """Tell whether the lane has work: a message is due, and the vendor for which the lane waits is not away."""
    return is_due(key) and not outages.is_away(outages.vendor_of(key))
