"""`bench letin`: how long payers wait when many shows start at the same time, compared with Celery and bare libcurl."""

import time
from argparse import ArgumentParser, BooleanOptionalAction, RawDescriptionHelpFormatter
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from lab.bench.environment import BenchFailed, bench_environment, clean_interruption, empty_directory
from lab.bench.lateness.announcement import remove_shows
from lab.bench.lateness.peers import CALLERS, CALLS_AT_A_TIME, available_peers
from lab.bench.lateness.systems import Peer, PeerKind, Product
from lab.bench.letin.bare_client import Spent, spent_by_bare_client
from lab.bench.letin.figures import Measured
from lab.bench.letin.loads import HANG_SECONDS, HANGS, LOADS, Load
from lab.bench.letin.replay import replay
from lab.bench.letin.tables import Row, aims, ratio, table
from lab.bench.letin.trial import Trial, plant_far_ahead, run_product
from lab.bench.letin.vendors import LATENCY_SECONDS, both_vendors
from lab.bench.report import Write, machine, write_progress

HELP = "measure how long payers wait when many shows start at once, compared with Celery"
FIGURES = """
let in     from a show's nbf until the sd event of its last payer has arrived at the stand-in for Pusher
recorded   from a show's nbf until its StartRecord has arrived at the stand-in for BytePlus
CPU        seconds, from the first nbf (Celery: from the first queued call) until nothing is left to do

Each vendor is 20 ms away. The figure of a vendor that hangs counts from its return. The bound is
the time that the calls to a vendor take if all open connections are always busy. Bare libcurl makes
the same calls and does nothing else. Celery makes the same calls, each as a task on Redis, but reads
no database, mints no credentials and records nothing. "goal" is the wanted limit of a figure, and
"must" is the required limit.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = FIGURES
    parser.add_argument("--only", nargs="+", choices=list(LOADS), default=list(LOADS), help="measure these loads only")
    parser.add_argument(
        "--runs", type=int, default=3, help="number of runs, of which the medians are shown (default: 3)"
    )
    parser.add_argument("--peers", action=BooleanOptionalAction, default=True, help="measure Celery, too")
    parser.add_argument(
        "--shows", type=int, metavar="N", help="number of shows of each load, instead of 200, 500 or 1,000"
    )
    parser.add_argument("--beside", choices=list(HANGS), help="measure the loads while a vendor hangs")
    parser.add_argument(
        "--hang", type=float, default=HANG_SECONDS, metavar="SECONDS", help="how long the vendor hangs (default: 30)"
    )


def run(write: Write, *, runs: int, peers: bool, shows: int | None, hang: float, **chosen: Any) -> None:
    """Measure, and write the tables. Raises BenchFailed if a step failed or a result was wrong."""
    if runs < 1 or (shows is not None and shows < 1) or hang < 1:
        raise BenchFailed("--runs, --shows and --hang must be at least 1.")
    loads = [each.resized(shows, hang) for each in _chosen_loads(chosen["only"], chosen["beside"])]
    directory = empty_directory("letin")
    with (
        clean_interruption(),
        bench_environment(),
        available_peers(list(CALLERS) if peers else [], Path(settings.DATA_DIR) / "bench", write) as kinds,
    ):
        write(machine(f"{LATENCY_SECONDS * 1000:g} ms from each vendor; seconds, medians of {runs} run(s)"))
        bench = _Bench(directory, kinds, write)
        for number in range(runs):
            for load in loads:
                bench.measure(load, number + 1)
        if not bench.write_tables(loads):
            raise BenchFailed("A payer was not let in, a show was not recorded, or the ledger is wrong.")


def _chosen_loads(names: Sequence[str], beside: str | None) -> list[Load]:
    loads = [LOADS[name] for name in dict.fromkeys(names)]
    if beside is None:
        return loads
    return [load.beside(HANGS[beside], name=f"{load.name}, {beside}") for load in loads if load.hang is None]


@dataclass
class _Bench:
    """Measures loads, and keeps the figures by the name of the load and the title of the system."""

    directory: Path
    kinds: Sequence[PeerKind]
    write: Write
    figures: dict[str, dict[str, list[Measured]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    bare: dict[str, list[Spent]] = field(default_factory=lambda: defaultdict(list))
    began: float = field(default_factory=time.monotonic)

    def measure(self, load: Load, number: int) -> None:
        """Measure one run of a load on all systems."""
        remove_shows()
        shows = plant_far_ahead(load)
        with both_vendors(self.directory, load) as vendors:
            with Product(vendors.environment, self.directory / load.name) as product:
                trial = run_product(product, vendors, load, shows)
            self._note(load, number, product.title, trial.measured)
            if not load.has_peers:
                return
            vendors.limit_byteplus(0)
            self._note_bare(load, trial)
            for kind in self.kinds:
                with Peer(kind, vendors.environment, self.directory / kind.name) as peer:
                    self._note(load, number, peer.title, replay(peer, vendors, load, trial))

    def write_tables(self, loads: Sequence[Load]) -> bool:
        """Write the measured figures. Return whether nothing was wrong in the product's runs."""
        ours: dict[str, Row] = {}
        verdicts: list[str] = []
        for load in loads:
            rows = [Row(title, runs) for title, runs in self.figures[load.name].items()]
            ours[load.name] = rows[0]
            verdicts += aims(load, rows[0])
            for line in table(load, rows, self.bare[load.name]):
                self.write(line)
        self.write("")
        for line in (*verdicts, *ratio(ours)):
            self.write(line)
        return not any(run.wrong for row in ours.values() for run in row.runs)

    def _note(self, load: Load, number: int, title: str, measured: Measured) -> None:
        self.figures[load.name][title].append(measured)
        what = f"let in p99 {measured.let_in.p99:.2f} s, recorded p99 {measured.recorded.p99:.2f} s"
        seconds = time.monotonic() - self.began
        write_progress(self.write, f"  {seconds:5.0f} s  run {number}, {load.name}, {title}: {what}")

    def _note_bare(self, load: Load, trial: Trial) -> None:
        requests = [call.request for calls in trial.observed.calls.values() for call in calls]
        self.bare[load.name].append(spent_by_bare_client(requests, connections=CALLS_AT_A_TIME))
