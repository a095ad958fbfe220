"""A crowd that asks one server process for something, several ways in turns."""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import quantiles

from django.core.handlers.wsgi import WSGIHandler

from lab.bench.round_trips import RoundTrips
from lab.bench.wsgi import call

BLOCKS = 20


@dataclass
class Pass:
    """What it took to answer everybody once."""

    name: str
    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    commands: Counter[str] = field(default_factory=Counter)

    @property
    def requests_a_second(self) -> float:
        """How many were answered, by the time in which some waited."""
        return len(self.milliseconds) / self.seconds

    @property
    def line(self) -> str:
        """The figures, aligned."""
        cuts = quantiles(self.milliseconds, n=100, method="inclusive")
        slowest = max(self.milliseconds)
        return f"  {self.name:<24}{self.requests_a_second:>10,.0f}{cuts[49]:>10.2f}{cuts[98]:>10.2f}{slowest:>10.1f}"


HEADING = f"  {'':<24}{'req/s':>10}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}"


class Crowd:
    """Everybody asks once a pass, as many at a time as the pool has threads."""

    def __init__(self, accesses: Sequence[str], pool: ThreadPoolExecutor, listener: RoundTrips) -> None:
        self._accesses = accesses
        self._pool = pool
        self._listener = listener
        self._application = WSGIHandler()

    def first_answer(self, path: str) -> bytes:
        """Return what the first one gets."""
        return call(self._application, "GET", path, access=self._accesses[0])

    def ask(self, ways: Sequence[tuple[Pass, str]]) -> None:
        """Let everybody ask each way, a path; blocks of people take turns, so that no way has a quieter machine."""
        size = -(-len(self._accesses) // BLOCKS)
        for start in range(0, len(self._accesses), size):
            block = self._accesses[start : start + size]
            for noted, path in ways if start // size % 2 == 0 else reversed(ways):
                self._ask(noted, path, block)

    def _ask(self, noted: Pass, path: str, block: Sequence[str]) -> None:
        with self._listener.listen() as commands:
            began = time.perf_counter()
            noted.milliseconds += self._pool.map(partial(self._time, path), block)
            noted.seconds += time.perf_counter() - began
        noted.commands.update(commands)

    def _time(self, path: str, access: str) -> float:
        began = time.perf_counter()
        call(self._application, "GET", path, access=access)
        return (time.perf_counter() - began) * 1000
