"""Causes faults under load, and then waits until nothing is left to do."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from lab.bench.chaos.clients import STARTS_IN_SECONDS, Clients
from lab.bench.chaos.faults import Fault, Kind
from lab.bench.chaos.injector import Injector
from lab.bench.environment import BenchFailed
from lab.bench.queued import waiting
from lab.bench.report import Write, write_progress
from lab.bench.services import Supervisor

PROGRESS_EVERY_SECONDS = 10.0
# The shortest pause between two faults, even if the faults are behind schedule. Without it, no work would get done
# between them.
LEAST_PAUSE_SECONDS = 0.5
# Requests still begin for this long after the last fault, so that its effects also meet new work.
AFTER_LAST_FAULT_SECONDS = 2.0
# The pause between two attempts to find a process to kill. The process that was killed last may be starting again.
LOOK_AGAIN_SECONDS = 0.1
FOUND_WITHIN_SECONDS = 30.0
# How long the queue may take to drain. It must be longer than `Q_SILENCE`, because the messages of a dead cluster can
# be claimed again only after that time.
DRAINED_WITHIN_SECONDS = 240.0
LOOK_EVERY_SECONDS = 0.3


@dataclass
class FaultRun:
    """One run; `faults` has the faults so far."""

    supervisor: Supervisor
    injector: Injector
    clients: Clients
    write: Write
    faults: list[Fault] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _said: float = 0.0

    def inject_at_random(self, kinds: Sequence[Kind], *, seconds: float, rng: random.Random) -> None:
        """Cause these faults at random moments. Raises BenchFailed if one of them is not possible for a long time."""
        self._began = time.monotonic()
        for number, kind in enumerate(kinds):
            left = self._began + seconds - time.monotonic()
            self._wait(max(LEAST_PAUSE_SECONDS, rng.uniform(0.2, 1.8) * left / (len(kinds) - number)))
            self._inject(kind)
        self._wait(AFTER_LAST_FAULT_SECONDS)

    def drain(self, database: Database[dict[str, Any]]) -> float:
        """Wait until all shows are due and the queue is drained, or time is up. Return how many seconds that took."""
        began = time.monotonic()
        self._settle_requests()
        give_up_at = time.monotonic() + DRAINED_WITHIN_SECONDS
        self._wait(STARTS_IN_SECONDS[1])
        while not _is_drained(database) and time.monotonic() < give_up_at:
            self._wait(LOOK_EVERY_SECONDS)
        return time.monotonic() - began

    def _inject(self, kind: Kind) -> None:
        give_up_at = time.monotonic() + FOUND_WITHIN_SECONDS
        while not (fault := self.injector.inject(kind)):
            if time.monotonic() > give_up_at:
                raise BenchFailed(f"{kind.label}: not possible within {FOUND_WITHIN_SECONDS:.0f} s; look at the logs.")
            self._wait(LOOK_AGAIN_SECONDS)
        self.faults.append(fault)

    def _settle_requests(self) -> None:
        self.clients.begin_no_more()
        while not self.clients.are_settled():
            self._wait(LOOK_EVERY_SECONDS)

    def _wait(self, seconds: float) -> None:
        self.supervisor.wait(seconds)
        now = time.monotonic()
        if now - self._said >= PROGRESS_EVERY_SECONDS:
            self._said = now
            line = f"  {now - self._began:5.0f} s {len(self.faults):>5} faults {len(self.clients.created):>6} shows"
            write_progress(self.write, line)


def _is_drained(database: Database[dict[str, Any]]) -> bool:
    """Tell whether nothing waits or runs. Look twice, because a task that has just ended may have queued others."""
    try:
        if waiting(database):
            return False
        time.sleep(LOOK_EVERY_SECONDS)
        return not waiting(database)
    except PyMongoError:
        return False
