"""What is measured, in which order, and what is written of it."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ops.bench.lateness.figures import Measured
from ops.bench.lateness.loads import Load
from ops.bench.lateness.planting import plant_audience, plant_future, queue_starts
from ops.bench.lateness.sheet import Row, aims, machine, table, throughput
from ops.bench.lateness.stage import Stage
from ops.bench.lateness.systems import Peer, PeerKind, Product, System
from ops.bench.lateness.trial import run_trial, warm_up

FUTURE_SHOWS = (1_000, 10_000, 100_000)
VIEWERS = 100_000
# Begun this long before the first start, a fan-out is in full swing.
FANOUT_AHEAD = timedelta(seconds=2)
SILENCE_SECONDS = 2.0

Trial = Callable[[System, Load], Measured]
# The rows of each load's table.
Tables = dict[Load, list[Row]]


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    loads: Sequence[Load]
    runs: int
    growth: bool
    fanout: bool
    clusters: Sequence[int]


class Scenarios:
    """Runs what was asked for and writes its tables."""

    def __init__(self, stage: Stage, options: Options, write: Callable[[str], object]) -> None:
        self._stage = stage
        self._options = options
        self._write = write
        self._began = time.monotonic()

    def run(self, peers: Sequence[PeerKind], *, latency_ms: int) -> None:
        """Measure the product and its peers, then the product under what else was asked for."""
        self._write(machine(self._options.runs, latency_ms))
        alone = self._measure(self._product())
        rivals = [self._measure(Peer(kind, self._stage.environment, self._logs(kind.name))) for kind in peers]
        self._write_tables(alone, rivals)
        for load, (row,) in alone.items():
            for line in aims(load, row):
                self._write(line)
        if self._options.growth:
            self._write("\nShows in the queue that start in a month or later")
            self._write_tables(_titled("none", alone), [self._among(count) for count in FUTURE_SHOWS])
        if self._options.fanout:
            self._write(f"\nWhile {VIEWERS:,} viewers are being let in")
            self._write_tables(_titled("alone", alone), [self._beside_fanout()])
        if self._options.clusters:
            self._write("\nSeveral clusters on one queue")
            several = [self._measure(self._product(number)) for number in self._options.clusters]
            self._write_tables(_titled("1 cluster", alone), several, also=throughput)

    def _measure(self, system: System, trial: Trial | None = None) -> Tables:
        """Return one row a load."""
        run = trial or (lambda system, load: run_trial(self._stage, system, load))
        measured: dict[Load, list[Measured]] = {load: [] for load in self._options.loads}
        with system:
            self._say(f"{system.title}: starting")
            warm_up(self._stage, system)
            for number in range(self._options.runs):
                for load in self._options.loads:
                    self._say(f"{system.title}: {load.title}, run {number + 1} of {self._options.runs}")
                    measured[load].append(run(system, load))
        self._stage.clear()
        return {load: [Row(system.title, runs)] for load, runs in measured.items()}

    def _among(self, count: int) -> Tables:
        """Measure with so many shows in the queue that are not due for long."""
        self._say(f"planting {count:,} future shows")
        plant_future(count)
        return _titled(f"{count:,}", self._measure(self._product()))

    def _beside_fanout(self) -> Tables:
        return _titled("beside the fan-out", self._measure(self._product(), self._trial_beside_fanout))

    def _trial_beside_fanout(self, system: System, load: Load) -> Measured:
        """Start a show with a great audience just before the load, and see that its fan-out outlasts the load."""

        def let_in(begin: datetime) -> None:
            queue_starts([plant_audience(begin - FANOUT_AHEAD, viewers=VIEWERS)])

        measured = run_trial(self._stage, system, load, before=let_in)
        outlasted = self._fanout_goes_on()
        while self._fanout_goes_on():
            system.check()
        return measured if outlasted else replace(measured, note="the fan-out had ended before the load")

    def _fanout_goes_on(self) -> bool:
        self._stage.new_events()
        time.sleep(SILENCE_SECONDS)
        return self._stage.new_events().authorized > 0

    def _product(self, clusters: int = 1) -> Product:
        logs = self._logs("product" if clusters == 1 else f"product-{clusters}")
        return Product(self._stage.environment, logs, clusters=clusters)

    def _write_tables(
        self, first: Tables, others: Sequence[Tables], also: Callable[[list[Row]], Iterable[str]] = lambda _rows: ()
    ) -> None:
        for load in first:
            rows = [row for tables in (first, *others) for row in tables[load]]
            for line in (*table(load.title, rows), *also(rows)):
                self._write(line)

    def _logs(self, name: str) -> Path:
        return self._stage.directory / name

    def _say(self, progress: str) -> None:
        self._write(f"  {time.monotonic() - self._began:5.0f} s  {progress}")
        sys.stdout.flush()  # a pipe would keep it


def _titled(title: str, tables: Tables) -> Tables:
    return {load: [replace(row, title=title) for row in rows] for load, rows in tables.items()}
