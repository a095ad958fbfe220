"""The storm: load and kills at the same time, then calm until nothing is left to do."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from lab.bench.chaos.clients import STARTS_IN_SECONDS, Clients
from lab.bench.chaos.evidence import waiting
from lab.bench.chaos.kills import Kill, Killer, Kind, deck
from lab.bench.chaos.services import Supervisor
from lab.bench.surroundings import BenchFailed

PROGRESS_EVERY_SECONDS = 10.0
# What is behind its time is not made up in a burst: nothing would get done in between.
LEAST_PAUSE_SECONDS = 0.5
# Between two attempts to find a victim: what was killed is still starting.
LOOK_AGAIN_SECONDS = 0.1
VICTIM_WITHIN_SECONDS = 30.0
# Longer than `Q_RETRY`, for what comes back by that alone isn't lost, and enough for a busy machine.
DRAINED_WITHIN_SECONDS = 240.0
LOOK_EVERY_SECONDS = 0.3


@dataclass
class Storm:
    """One run: `kills` fills up as it blows."""

    supervisor: Supervisor
    killer: Killer
    clients: Clients
    write: Callable[[str], object]
    kills: list[Kill] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _said: float = 0.0

    def blow(self, kills: int, *, seconds: float, rng: random.Random) -> None:
        """Kill so many processes, spread over the seconds at random. Raises BenchFailed if no victim can be found."""
        self._began = time.monotonic()
        for number, kind in enumerate(deck(kills, rng)):
            left = self._began + seconds - time.monotonic()
            self._wait(max(LEAST_PAUSE_SECONDS, rng.uniform(0.2, 1.8) * left / (kills - number)))
            self._kill(kind)

    def calm(self, database: Database[dict[str, Any]]) -> float:
        """Wait until all shows are due and the queue is drained, or time is up. Returns how long that took."""
        began = time.monotonic()
        self._settle_requests()
        give_up_at = time.monotonic() + DRAINED_WITHIN_SECONDS
        self._wait(STARTS_IN_SECONDS[1])
        while not _is_drained(database) and time.monotonic() < give_up_at:
            self._wait(LOOK_EVERY_SECONDS)
        return time.monotonic() - began

    def _kill(self, kind: Kind) -> None:
        give_up_at = time.monotonic() + VICTIM_WITHIN_SECONDS
        while not (kill := self.killer.kill(kind)):
            if time.monotonic() > give_up_at:
                raise BenchFailed(f"no {kind.label} to kill within {VICTIM_WITHIN_SECONDS:.0f} s; look at the logs.")
            self._wait(LOOK_AGAIN_SECONDS)
        self.kills.append(kill)

    def _settle_requests(self) -> None:
        self.clients.begin_no_more()
        while not self.clients.are_settled():
            self._wait(LOOK_EVERY_SECONDS)

    def _wait(self, seconds: float) -> None:
        self.supervisor.wait(seconds)
        now = time.monotonic()
        if now - self._said >= PROGRESS_EVERY_SECONDS:
            self._said = now
            self.write(f"  {now - self._began:5.0f} s {len(self.kills):>5} kills {len(self.clients.created):>6} shows")


def _is_drained(database: Database[dict[str, Any]]) -> bool:
    """Tell whether nothing waits or runs, twice in a row: a task that ends may leave others."""
    try:
        if waiting(database):
            return False
        time.sleep(LOOK_EVERY_SECONDS)
        return not waiting(database)
    except PyMongoError:
        return False
