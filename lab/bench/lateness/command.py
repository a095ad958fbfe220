"""`bench lateness`: how late shows start and are announced, compared with other schedulers that do the same work."""

from argparse import ArgumentParser, BooleanOptionalAction
from pathlib import Path
from typing import Any

from django.conf import settings

from lab.bench.environment import BenchFailed, bench_environment, clean_interruption, empty_directory
from lab.bench.lateness.announcement import prepare_peers
from lab.bench.lateness.crowd import PAYERS
from lab.bench.lateness.figures import LEAST_SHOWS
from lab.bench.lateness.loads import LOADS
from lab.bench.lateness.moves import MOVES
from lab.bench.lateness.peers import NAMES, available_peers
from lab.bench.lateness.scenarios import Options, Scenarios
from lab.bench.observers import observe
from lab.bench.report import Write

HELP = "measure how late shows start and are announced, compared with other schedulers"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--only", nargs="+", choices=list(LOADS), default=list(LOADS), help="measure these loads only")
    parser.add_argument("--peers", action=BooleanOptionalAction, default=True, help="measure the peers, too")
    parser.add_argument("--peer", nargs="+", choices=NAMES, default=list(NAMES), help="measure these peers only")
    parser.add_argument("--shows", type=int, metavar="N", help="number of shows of each load, instead of 200 or 1,000")
    parser.add_argument(
        "--runs", type=int, default=1, help="number of runs, of which the medians are shown (default: 1)"
    )
    parser.add_argument(
        "--latency",
        type=int,
        default=20,
        metavar="MS",
        help="how long the vendors' stand-ins take to respond (default: 20)",
    )
    parser.add_argument(
        "--growth", action="store_true", help="measure again with up to 100,000 future shows in the queue"
    )
    parser.add_argument("--fanout", action="store_true", help="measure again while 100,000 viewers are being let in")
    parser.add_argument(
        "--beside-moves",
        type=int,
        nargs="?",
        default=0,
        const=MOVES,
        metavar="N",
        help=f"in each run, also measure while an account moves its show N ({MOVES}) times and cancels it",
    )
    for what, does in (("receipts", "confirm their events"), ("webhooks", "subscribe again after a restart of Pusher")):
        parser.add_argument(
            f"--beside-{what}",
            type=int,
            nargs="?",
            default=0,
            const=PAYERS,
            metavar="N",
            help=f"in each run, also measure while N ({PAYERS:,}) payers of another show {does}",
        )
    parser.add_argument(
        "--clusters", type=int, nargs="+", default=[], metavar="N", help="measure again with N clusters"
    )


def run(write: Write, *, peers: bool, peer: list[str], latency: int, **chosen: Any) -> None:
    """Measure, and write the tables. Raises BenchFailed."""
    options = Options(
        loads=[LOADS[name].resized(chosen["shows"]) for name in dict.fromkeys(chosen["only"])],
        runs=chosen["runs"],
        growth=chosen["growth"],
        fanout=chosen["fanout"],
        clusters=chosen["clusters"],
        moves=chosen["beside_moves"],
        receipts=chosen["beside_receipts"],
        webhooks=chosen["beside_webhooks"],
    )
    fewest = min(load.shows for load in options.loads)
    beside = options.moves, options.receipts, options.webhooks
    if min(options.runs, *options.clusters, 1) < 1 or min(latency, *beside) < 0 or fewest < LEAST_SHOWS:
        raise BenchFailed(
            "--shows must be at least 2, --runs and --clusters at least 1, --latency and --beside-... at least 0."
        )
    directory, seconds = empty_directory("lateness"), latency / 1000
    names = peer if peers else []
    with (
        clean_interruption(),
        bench_environment(),
        available_peers(names, Path(settings.DATA_DIR) / "bench", write) as kinds,
    ):
        prepare_peers()
        with observe(directory, pusher_seconds=seconds, byteplus_seconds=seconds) as observers:
            Scenarios(observers, options, write).run(kinds, latency_ms=latency)
