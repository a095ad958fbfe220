"""The scenarios of `bench lateness`, their order, and what is written about them."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from lab.bench.environment import BenchFailed
from lab.bench.lateness.announcement import remove_shows
from lab.bench.lateness.crowd import Crowd, come_again, confirm
from lab.bench.lateness.figures import Measured
from lab.bench.lateness.loads import Load
from lab.bench.lateness.moves import Mover
from lab.bench.lateness.systems import Peer, PeerKind, Product, System
from lab.bench.lateness.tables import (
    BESIDE_MOVES,
    BESIDE_RECEIPTS,
    BESIDE_WEBHOOKS,
    Row,
    aims,
    ratios,
    table,
    throughput,
)
from lab.bench.lateness.trial import run_trial, warm_up
from lab.bench.observers import Observers
from lab.bench.planting import plant_audience, plant_future, queue_starts
from lab.bench.report import Write, machine, write_progress

FUTURE_SHOWS = (1_000, 10_000, 100_000)
VIEWERS = 100_000
# A fan-out that begins this long before the first start runs at full speed when shows start.
FANOUT_AHEAD = timedelta(seconds=2)
SILENCE_SECONDS = 1.0
IDLE_WITHIN_SECONDS = 300.0

Trial = Callable[[System, Load], Measured]
# The rows of each load's table.
Tables = dict[Load, list[Row]]


@dataclass(frozen=True)
class Options:
    """The options of the command."""

    loads: Sequence[Load]
    runs: int
    growth: bool
    fanout: bool
    clusters: Sequence[int]
    moves: int
    receipts: int
    webhooks: int


@dataclass(frozen=True)
class Contender:
    """A row of the tables: the system, what must be prepared for it, and how it is measured."""

    title: str
    system: Callable[[], System]
    trial: Trial
    prepare: Callable[[], object] = lambda: None


class Scenarios:
    """Measures the scenarios that the options name, and writes the tables."""

    def __init__(self, observers: Observers, options: Options, write: Write) -> None:
        self._observers = observers
        self._options = options
        self._write = write
        self._began = time.monotonic()

    def run(self, peers: Sequence[PeerKind], *, latency_ms: int) -> None:
        """Measure the product and its peers, then the product under the other conditions that the options name."""
        runs = self._options.runs
        self._write(machine(f"{latency_ms} ms from Pusher; milliseconds, medians of {runs} run(s)"))
        others = self._disturbances()
        ours = [self._product("this product"), *(self._product(title, trial=each[0]) for title, each in others.items())]
        alone = self._measure([*ours, *map(self._peer, peers)])
        self._write_tables(alone)
        for load, (row, *rest) in alone.items():
            for line in (*aims(load, row), *ratios(load, row, rest)):
                self._write(line)
        for title, (_trial, verdict) in others.items():
            self._write(f"  {title}: {verdict()}")
        if self._options.growth:
            self._write("\nWith shows in the queue that start in a month or later")
            futures = [self._product(f"{count:,}", prepare=partial(plant_future, count)) for count in FUTURE_SHOWS]
            self._write_tables(_first(alone, "none", self._measure(futures)))
        if self._options.fanout:
            self._write(f"\nWhile {VIEWERS:,} viewers are being let in")
            beside = self._product("beside the fan-out", trial=self._trial_beside_fanout)
            self._write_tables(_first(alone, "alone", self._measure([beside])))
        if self._options.clusters:
            self._write("\nSeveral clusters on one queue")
            several = [self._product(f"{number} clusters", clusters=number) for number in self._options.clusters]
            self._write_tables(_first(alone, "1 cluster", self._measure(several)), also=throughput)

    def _disturbances(self) -> dict[str, tuple[Trial, Callable[[], str]]]:
        """Map the title of each disturbance's row to its trial, and to a function that describes its effects."""
        options, chosen = self._options, dict[str, tuple[Trial, Callable[[], str]]]()
        if options.moves:
            mover = Mover(moves=options.moves)
            chosen[BESIDE_MOVES] = partial(self._trial_beside_moves, mover), mover.verdict
        for title, payers, act in (
            (BESIDE_RECEIPTS, options.receipts, confirm),
            (BESIDE_WEBHOOKS, options.webhooks, come_again),
        ):
            if payers:
                crowd = Crowd(payers, act)
                chosen[title] = partial(self._trial_beside_crowd, crowd), crowd.verdict
        return chosen

    def _product(self, title: str, *, clusters: int = 1, trial: Trial | None = None, **more: Any) -> Contender:
        logs = self._observers.directory / title.replace(" ", "-")
        system = partial(Product, self._observers.environment, logs, clusters=clusters)
        return Contender(title, system, trial or partial(run_trial, self._observers), **more)

    def _peer(self, kind: PeerKind) -> Contender:
        system = partial(Peer, kind, self._observers.environment, self._observers.directory / kind.name)
        return Contender(kind.title, system, partial(run_trial, self._observers))

    def _measure(self, contenders: Sequence[Contender]) -> Tables:
        """Measure each contender once in each run, so that a busy minute of the machine affects all of them equally."""
        measured = {load: {each.title: list[Measured]() for each in contenders} for load in self._options.loads}
        for number in range(self._options.runs):
            for contender in contenders:
                self._say(f"{contender.title}: run {number + 1} of {self._options.runs}")
                for load, figures in self._perform(contender):
                    measured[load][contender.title].append(figures)
        return {load: [Row(title, runs) for title, runs in by_title.items()] for load, by_title in measured.items()}

    def _perform(self, contender: Contender) -> Iterator[tuple[Load, Measured]]:
        """Start the processes of one contender, and yield its figures for each load."""
        contender.prepare()
        with contender.system() as system:
            warm_up(self._observers, system)
            for load in self._options.loads:
                self._await_idleness(system)
                self._say(f"{contender.title}: {load.title}")
                yield load, contender.trial(system, load)
        self._clear()

    def _trial_beside_moves(self, mover: Mover, system: System, load: Load) -> Measured:
        """Measure the load. Just before it, let one account move its show very often and then cancel it."""
        moves: Any = {"meanwhile": mover.move_and_cancel, "meanwhile_seconds": mover.seconds}
        return run_trial(self._observers, system, load, **moves)

    def _trial_beside_crowd(self, crowd: Crowd, system: System, load: Load) -> Measured:
        """Measure the load while the payers of another show confirm their events, or subscribe again."""
        gathered: Any = {"meanwhile": crowd.gather, "meanwhile_seconds": crowd.seconds}
        measured = run_trial(self._observers, system, load, **gathered)
        crowd.leave()
        return measured

    def _trial_beside_fanout(self, system: System, load: Load) -> Measured:
        """Measure the load while a large audience is told, and check that its fan-out outlasts the load."""

        def let_in(begin: datetime) -> None:
            queue_starts([plant_audience(begin - FANOUT_AHEAD, viewers=VIEWERS)])

        measured = run_trial(self._observers, system, load, before=let_in)
        return measured if self._viewers_come() else replace(measured, note="the fan-out had ended before the load")

    def _await_idleness(self, system: System) -> None:
        """Wait until the earlier shows are recorded and their viewers are let in. Neither is part of a start."""
        until = time.monotonic() + IDLE_WITHIN_SECONDS
        while not system.is_idle():
            system.check()
            if time.monotonic() > until:
                raise BenchFailed(f"{system.title} is still busy after {IDLE_WITHIN_SECONDS:.0f} s.")
            time.sleep(SILENCE_SECONDS)

    def _clear(self) -> None:
        """Delete all shows, and forget what the observers have seen of them."""
        remove_shows()
        self._observers.new_starts()
        self._observers.heard()

    def _viewers_come(self) -> bool:
        self._observers.heard()
        time.sleep(SILENCE_SECONDS)
        return self._observers.heard().authorized > 0

    def _write_tables(
        self, tables: Tables, *, also: Callable[[Sequence[Row]], Iterable[str]] = lambda _rows: ()
    ) -> None:
        for load, rows in tables.items():
            for line in (*table(load.title, rows), *also(rows)):
                self._write(line)

    def _say(self, progress: str) -> None:
        write_progress(self._write, f"  {time.monotonic() - self._began:5.0f} s  {progress}")


def _first(alone: Tables, title: str, others: Tables) -> Tables:
    """Put the product's rows of the tables `alone`, with another title, above the other rows."""
    return {load: [replace(alone[load][0], title=title), *rows] for load, rows in others.items()}
