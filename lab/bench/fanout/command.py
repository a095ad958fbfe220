"""`bench fanout`: how long it takes to tell all payers that their show has started."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings

from lab.bench.environment import BenchFailed, bench_environment, clean_interruption, empty_directory
from lab.bench.fanout.faulty import run_faulty
from lab.bench.fanout.peer import seconds_of_peer
from lab.bench.fanout.show_starts import WORKERS
from lab.bench.fanout.tables import Row, aims, peer_table, plain_requests, table
from lab.bench.fanout.trial import FanOut, run_trial
from lab.bench.observers import Observers, PusherFaults, observe
from lab.bench.report import Write, machine, write_findings, write_progress

HELP = "measure seconds, requests, CPU time and memory until all payers are told that their show has started"
VIEWERS = (1_000, 10_000, 100_000)
PEER_VIEWERS = 1_000
FAULTY_VIEWERS = (10_000,)
TWO = (50_000, 50_000)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--viewers",
        type=_counts,
        metavar="N,N",
        help="sizes of the audiences (default: 1000,10000,100000, and 10000 with --faults)",
    )
    parser.add_argument(
        "--rtt", type=_seconds, default=0.02, metavar="20ms", help="round-trip time to Pusher (default: 20ms)"
    )
    parser.add_argument(
        "--runs", type=int, default=1, help="number of runs, of which the medians are shown (default: 1)"
    )
    parser.add_argument(
        "--two", action="store_true", help="also measure two shows of 50,000 viewers that start at once"
    )
    parser.add_argument(
        "--faults", action="store_true", help="do not measure, but check what happens when Pusher and a worker fail"
    )
    parser.add_argument(
        "--down", type=float, default=20, metavar="SECONDS", help="with --faults: how long Pusher is down (default: 20)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="with --faults: seed of the choice of requests that fail (default: 1)"
    )
    parser.add_argument(
        "--no-naive", action="store_true", help="leave out the peer, which sends one trigger for each viewer"
    )


def run(write: Write, *, viewers: tuple[int, ...] | None, rtt: float, runs: int, faults: bool, **options: Any) -> None:
    """Measure, and write the tables. With `faults`, check a fan-out during failures instead. Raises BenchFailed."""
    viewers = viewers or (FAULTY_VIEWERS if faults else VIEWERS)
    if min(*viewers, runs) < 1 or rtt <= 0:
        raise BenchFailed("--viewers and --runs must be at least 1, --rtt more than 0ms.")
    directory = empty_directory("fanout")
    with clean_interruption(), bench_environment():
        if faults:
            _check(write, viewers[0], directory, rtt, down_seconds=options["down"], seed=options["seed"])
        else:
            audiences: list[tuple[int, ...]] = [(each,) for each in viewers] + [TWO] * options["two"]
            _compare(write, audiences, directory, rtt, runs=runs, peer=not options["no_naive"])


def _check(write: Write, viewers: int, directory: Path, rtt_seconds: float, *, down_seconds: float, seed: int) -> None:
    """Kill a worker after a third of the requests, and let Pusher go down after half of them.

    Then check what has arrived, and what the ledger says. Raises BenchFailed.
    """
    requests = plain_requests([viewers])
    faults = PusherFaults(seed=seed, down_after_requests=requests // 2, down_seconds=down_seconds)
    write(f"{viewers:,} viewers; 5% of requests fail, 1% hang, Pusher down for {down_seconds:g} s, a worker killed")
    with observe(directory, pusher_seconds=rtt_seconds, faults=faults) as observers:
        record, findings = run_faulty(observers, viewers=viewers, kill_after_requests=requests // 3)
    write(
        f"  {record.requests:,} requests, {requests:,} without failures; "
        f"{sum(record.told.values()):,} events arrived, {len(record.told):,} different ones\n"
    )
    if not write_findings(write, findings):
        raise BenchFailed("A viewer was not told, or the ledger is wrong.")


def _compare(
    write: Write, audiences: list[tuple[int, ...]], directory: Path, rtt: float, *, runs: int, peer: bool
) -> None:
    with observe(directory, pusher_seconds=rtt) as observers:
        cluster = f"qcluster with {WORKERS} workers of {settings.NOTIFY_CONCURRENCY} connections"
        write(machine(f"{rtt * 1000:g} ms from Pusher; {cluster}; medians of {runs} run(s)"))
        measured = _measure(observers, audiences, runs, write)
        rows = [Row(each, rtt, measured[each]) for each in audiences]
        for line in table(rows):
            write(line)
        if peer:
            few = min(PEER_VIEWERS, max(row.viewers for row in rows))
            for line in peer_table(rows, seconds_of_peer(observers.environment, few), few):
                write(line)
        write("")
        for line in aims(rows):
            write(line)


def _measure(
    observers: Observers, audiences: list[tuple[int, ...]], runs: int, write: Write
) -> dict[tuple[int, ...], list[FanOut]]:
    """Measure each audience once in each run, so that a busy minute of the machine affects all audiences equally."""
    began = time.monotonic()
    measured: dict[tuple[int, ...], list[FanOut]] = {each: [] for each in audiences}
    for number in range(runs):
        for each in audiences:
            measured[each].append(run_trial(observers, each))
            last = measured[each][-1]
            figures = f"{last.seconds:.2f} s, CPU {last.cpu_seconds:.1f} s, {last.peak_megabytes:.0f} MB"
            seconds = time.monotonic() - began
            write_progress(write, f"  {seconds:5.0f} s  run {number + 1}, {sum(each):,} viewers: {figures}")
    return measured


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(each.replace("_", "")) for each in text.split(","))


def _seconds(text: str) -> float:
    """Return the seconds for a number of milliseconds, with or without the unit `ms`. Raises ArgumentTypeError."""
    try:
        return float(text.removesuffix("ms")) / 1000
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not like 20ms") from error
