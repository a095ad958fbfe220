"""`bench webhooks`: how soon partners get events while other endpoints hang or fail, and while shows are started."""

import time
from argparse import ArgumentParser
from dataclasses import dataclass, field
from typing import Any

from lab.bench.environment import BenchFailed, bench_environment, clean_interruption, empty_directory
from lab.bench.lateness.announcement import remove_shows
from lab.bench.lateness.figures import LEAST_SHOWS, Measured
from lab.bench.lateness.loads import LOADS, Load
from lab.bench.lateness.systems import Product
from lab.bench.lateness.tables import Row, table
from lab.bench.lateness.trial import run_trial, warm_up
from lab.bench.observers import Observers, observe
from lab.bench.report import Percentiles, Write, aim, machine, write_progress
from lab.bench.webhooks.announcer import Announcer
from lab.bench.webhooks.partners import ENDPOINTS_COUNT, Partners, run_partners, seconds_late
from lab.loopback.partner import Arrival

HELP = "measure how soon partners hear of events while other endpoints hang or fail, and while shows are being started"
EVENTS, A_SECOND = 500, 25.0
VENDOR_SECONDS = 0.02
ARRIVED_WITHIN_SECONDS = 30.0
POLL_SECONDS = 0.25
MOST_SECONDS_LATE = 2.0
MOST_TIMES_LATER = 1.2
ALONE, BESIDE = "alone", "beside webhooks"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--runs", type=int, default=3, help="number of runs, of which the medians are shown (default: 3)"
    )
    parser.add_argument(
        "--events", type=int, default=EVENTS, metavar="N", help=f"number of events in a run (default: {EVENTS})"
    )
    parser.add_argument("--shows", type=int, metavar="N", help="number of shows that start meanwhile, instead of 200")


def run(write: Write, *, runs: int, events: int, shows: int | None, **_options: Any) -> None:
    """Measure, and write the tables. Raises BenchFailed, for example if a healthy endpoint has missed an event."""
    load = LOADS["random"].resized(shows)
    if runs < 1 or events < 1 or load.shows < LEAST_SHOWS:
        raise BenchFailed("--runs and --events must be at least 1, --shows at least 2.")
    with (
        clean_interruption(),
        bench_environment(),
        observe(empty_directory("webhooks"), pusher_seconds=VENDOR_SECONDS, byteplus_seconds=VENDOR_SECONDS) as seen,
        run_partners() as partners,
    ):
        write(machine(f"{events} events at {A_SECOND:g} a second, {ENDPOINTS_COUNT} endpoints; {runs} run(s)"))
        environment = seen.environment | {"WEBHOOK_ALLOWED_HOSTS": partners.host}
        with Product(environment, seen.directory) as product:
            bench = _Bench(seen, partners, product, load, events, write)
            warm_up(seen, product)
            for number in range(runs):
                bench.measure(number)
        if not bench.write_tables():
            raise BenchFailed(
                "A healthy endpoint has missed an event, or a show was not started and told exactly once."
            )


@dataclass
class _Bench:
    """Measures how shows start without and beside webhooks, in alternating runs, and keeps the figures."""

    observers: Observers
    partners: Partners
    product: Product
    load: Load
    events: int
    write: Write
    starts: dict[str, list[Measured]] = field(default_factory=lambda: {ALONE: [], BESIDE: []})
    late: list[Percentiles] = field(default_factory=list)
    missing: int = 0
    began: float = field(default_factory=time.monotonic)

    def measure(self, number: int) -> None:
        """Measure one run. Every second run measures the shows beside webhooks first, and alone afterwards."""
        turns = [(ALONE, self._alone), (BESIDE, self._beside)]
        for title, turn in turns if number % 2 == 0 else reversed(turns):
            write_progress(self.write, f"  {time.monotonic() - self.began:5.0f} s  run {number + 1}, {title}")
            self.starts[title].append(turn())
            remove_shows()

    def write_tables(self) -> bool:
        """Write the measured figures. Return whether nothing was wrong."""
        rows = [Row(title, measured) for title, measured in self.starts.items()]
        for line in table(f"{self.load.title}, milliseconds", rows):
            self.write(line)
        late = Percentiles.median(self.late)
        self.write(f"\n{ENDPOINTS_COUNT - 2} healthy endpoints, seconds from the announcement to the call")
        self.write(f"  p50 {late.p50:.2f}, p95 {late.p95:.2f}, p99 {late.p99:.2f}, max {late.max:.2f}")
        self.write(aim("healthy endpoints, p99", round(late.p99, 2), MOST_SECONDS_LATE, " s"))
        alone, beside = rows
        for what, now, before in (("activated", beside.activated, alone.activated), ("told", beside.told, alone.told)):
            self.write(aim(f"{what} p99 beside webhooks", round(now.p99 / before.p99, 2), MOST_TIMES_LATER, "x"))
        return not (self.missing or alone.faults or beside.faults)

    def _alone(self) -> Measured:
        return run_trial(self.observers, self.product, self.load)

    def _beside(self) -> Measured:
        self.partners.add_endpoints()
        announcer = Announcer(count=self.events, a_second=A_SECOND)
        measured = run_trial(self.observers, self.product, self.load, meanwhile=announcer.begin)
        self._note(self._await_arrivals(announcer))
        self.partners.remove_endpoints()
        return measured

    def _await_arrivals(self, announcer: Announcer) -> tuple[list[float], int]:
        arrivals: list[Arrival] = []
        give_up_at = time.monotonic() + ARRIVED_WITHIN_SECONDS + self.events / A_SECOND
        while True:
            arrivals += self.partners.arrivals()
            announced = announcer.announced()
            late, missing = seconds_late(announced, arrivals)
            is_complete = len(announced) == self.events and not missing
            if is_complete or time.monotonic() > give_up_at:
                return late, missing + self.events - len(announced)
            self.product.check()
            time.sleep(POLL_SECONDS)

    def _note(self, arrived: tuple[list[float], int]) -> None:
        late, missing = arrived
        self.missing += missing
        self.late.append(Percentiles.of(late))
        write_progress(self.write, f"  {time.monotonic() - self.began:5.0f} s  healthy p99 {self.late[-1].p99:.2f} s")
        if missing:
            self.write(f"  WRONG: {missing} calls are missing")
