"""Causes faults: kills processes, freezes them, sets their clocks, and fills MongoDB's disk."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lab.bench.chaos.clients import Clients
from lab.bench.chaos.faults import Fault, Kind
from lab.bench.chaos.mongod import Mongod
from lab.bench.chaos.product import Product
from lab.bench.processes import children
from lab.bench.services import Service, Supervisor
from taskqueue.queues import Queue

REQUEST_WITHIN_SECONDS = 2.0
# A request takes about 20 ms. The server is killed at most this long after a request begins.
INTO_REQUEST_SECONDS = 0.015
# The shortest and the longest time of each kind of fault. The time-outs that matter lie within these ranges: other
# hosts release a cluster's messages after 15 s, requests end after 5 s, and calls to a vendor end after some seconds.
CLUSTER_FROZEN_SECONDS = 1.0, 20.0
MONGOD_FROZEN_SECONDS = 1.0, 8.0
VENDOR_FROZEN_SECONDS = 1.0, 12.0
DISK_FULL_SECONDS = 1.0, 4.0
ENDED_WITHIN_SECONDS = 30.0
CLOCK_IS_AHEAD_BY = -3600.0, 0.0, 3600.0


@dataclass(frozen=True)
class Injector:
    """Causes faults in these processes only."""

    product: Product
    mongod: Mongod
    clients: Clients
    supervisor: Supervisor
    rng: random.Random

    def inject(self, kind: Kind) -> Fault | None:
        """Cause a fault of this kind and wait until it is over. Return None if the fault is not possible now."""
        at = self._actions()[kind]()
        return None if at is None else Fault(kind, at)

    def _actions(self) -> dict[Kind, Callable[[], float | None]]:
        """Return the action of each kind.

        An action returns the time when its fault was over, or None if it could not cause the fault.
        """
        product = self.product
        return {
            Kind.START_WORKER: lambda: self._kill_one(product.workers(Queue.START)),
            Kind.WORK_WORKER: lambda: self._kill_one(product.workers(Queue.WORK)),
            Kind.MAIN: lambda: self._kill_one([each.pid for each in product.working_clusters()]),
            Kind.TREE: self._kill_tree,
            Kind.WEB: self._kill_web,
            Kind.MONGOD: self._kill_mongod,
            Kind.FROZEN_CLUSTER: self._freeze_cluster,
            Kind.FROZEN_MONGOD: lambda: self._freeze([self.mongod.pid], MONGOD_FROZEN_SECONDS),
            Kind.FROZEN_PUSHER: lambda: self._freeze([product.pusher.pid], VENDOR_FROZEN_SECONDS),
            Kind.FROZEN_BYTEPLUS: lambda: self._freeze([product.byteplus.pid], VENDOR_FROZEN_SECONDS),
            Kind.CLOCK: self._set_clock,
            Kind.FULL_DISK: self._fill_disk,
        }

    def _kill_one(self, candidates: Sequence[int]) -> float | None:
        alive = [pid for pid in candidates if pid]  # the id of a service that has ended is 0
        if not alive:
            return None
        try:
            os.kill(self.rng.choice(alive), signal.SIGKILL)
        except ProcessLookupError:
            return None
        return time.time()

    def _kill_tree(self) -> float | None:
        if not (candidates := self.product.working_clusters()):
            return None
        at = time.time()
        self.rng.choice(candidates).kill_tree()
        return at

    def _kill_web(self) -> float | None:
        """Kill gunicorn's worker during a request; its master starts another worker."""
        if not self.clients.await_request(REQUEST_WITHIN_SECONDS):
            return None
        time.sleep(self.rng.uniform(0, INTO_REQUEST_SECONDS))
        web = self.product.web
        return self._kill_one(children(web.pid) if web.pid else [])

    def _kill_mongod(self) -> float:
        at = time.time()
        self.mongod.kill()
        self.mongod.start()
        return at

    def _freeze_cluster(self) -> float | None:
        if not (candidates := self.product.working_clusters()):
            return None
        cluster: Service = self.rng.choice(candidates)
        if not (pid := cluster.pid):
            return None
        return self._freeze([pid, *children(pid)], CLUSTER_FROZEN_SECONDS)

    def _freeze(self, pids: Sequence[int], seconds: tuple[float, float]) -> float:
        """Stop the processes by SIGSTOP for a random time between the two numbers of seconds."""
        try:
            _send(signal.SIGSTOP, pids)
            self.supervisor.wait(self.rng.uniform(*seconds))
        finally:
            at = time.time()
            _send(signal.SIGCONT, pids)
        return at

    def _set_clock(self) -> float:
        """Set the clock of one cluster an hour ahead, an hour back, or right again. Nothing else changes the clock."""
        clock = self.rng.choice(self.product.clocks)
        clock.set(self.rng.choice([seconds for seconds in CLOCK_IS_AHEAD_BY if seconds != clock.seconds]))
        return time.time()

    def _fill_disk(self) -> float:
        """Fill mongod's disk, so that mongod ends itself. Start it again with enough space after a while."""
        self.mongod.fill_disk()
        self.supervisor.wait_for(lambda: not self.mongod.is_alive(), "mongod has ended", seconds=ENDED_WITHIN_SECONDS)
        self.supervisor.wait(self.rng.uniform(*DISK_FULL_SECONDS))
        at = time.time()
        self.mongod.start()
        return at


def _send(number: signal.Signals, pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # a worker may just have ended
            os.kill(pid, number)
