"""`bench chaos`: shows are created and started while faults happen. Then everything is checked."""

import json
import random
import shutil
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from pymongo import MongoClient
from pymongo.database import Database

from lab.bench.chaos.clients import SHOWS_A_SECOND, Clients, Seed
from lab.bench.chaos.evidence import Evidence, gather
from lab.bench.chaos.fault_run import FaultRun
from lab.bench.chaos.faults import Fault, Kind, kinds_of
from lab.bench.chaos.injector import Injector
from lab.bench.chaos.mongod import Mongod
from lab.bench.chaos.product import end, environment_of, product_of
from lab.bench.chaos.reruns import Reruns
from lab.bench.chaos.tables import Completions, attempts_line, faults_table, lateness_line
from lab.bench.chaos.verdict import duplicates, judge, lateness_ms, renamed
from lab.bench.environment import BenchFailed, clean_interruption, empty_directory
from lab.bench.report import Write, write_findings, write_progress
from lab.bench.services import Supervisor
from lab.demo.children import Children
from lab.stand_ins import StandIns, run_stand_ins

HELP = (
    "cause faults at random under load (kill and freeze processes, set clocks, fill MongoDB's disk), then check that "
    "nothing is lost or done twice"
)
DATABASE = "chaos"
VIEWERS = 3
SHOWS_IN_RESERVE = 20
# The kind of fault that takes longest takes about this long on average.
SECONDS_OF_A_FAULT = 10.0
UP_WITHIN_SECONDS = 60.0
KINDS = {kind.option: kind for kind in Kind}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--faults", type=int, default=100, help="number of faults (default: 100)")
    parser.add_argument(
        "--seconds", type=float, default=200, help="seconds over which the faults are spread (default: 200)"
    )
    parser.add_argument("--only", nargs="+", choices=list(KINDS), default=list(KINDS), help="cause these faults only")
    parser.add_argument("--seed", type=int, default=None, help="seed of the random numbers (default: a random one)")


def run(write: Write, *, faults: int, seconds: float, only: Sequence[str], seed: int | None, **_options: Any) -> None:
    """Cause faults under load, then check all rules. Raises BenchFailed if a rule is broken."""
    if min(faults, seconds) < 1:
        raise BenchFailed("--faults and --seconds must be at least 1.")
    seed = random.randrange(10**6) if seed is None else seed  # noqa: S311 - not a secret
    rng = random.Random(seed)  # noqa: S311 - not a secret
    kinds = kinds_of(faults, rng, [KINDS[name] for name in dict.fromkeys(only)])
    if Kind.CLOCK in kinds and shutil.which("gcc") is None:
        raise BenchFailed("A clock can be set only with gcc: apt-get install gcc libc6-dev, or leave it out by --only.")
    with (
        clean_interruption(),
        _own_mongod() as (mongod, directory),
        run_stand_ins(mongodb_uri=mongod.uri, database=DATABASE, directory=directory) as stand_ins,
    ):
        write_progress(write, f"{faults} faults in {seconds:.0f} s, --seed {seed}; logs: {directory}\n")
        if not _run(stand_ins, mongod, write, kinds=kinds, seconds=seconds, rng=rng):
            raise BenchFailed("Something was lost, done twice or left behind.")


@contextmanager
def _own_mongod() -> Iterator[tuple[Mongod, Path]]:
    """Run a separate MongoDB server inside the block. Yield the server, and the directory of the data and logs."""
    mongod = Mongod(Path(settings.DATA_DIR) / "bench" / "chaos" / "mongo")
    mongod.stop()  # in case an earlier run was killed
    directory = empty_directory("chaos")
    try:
        mongod.start()
        yield mongod, directory
    finally:
        mongod.stop()


def _run(
    stand_ins: StandIns, mongod: Mongod, write: Write, *, kinds: Sequence[Kind], seconds: float, rng: random.Random
) -> bool:
    """Cause the faults under load. Return whether every rule held."""
    # A run takes longer than `seconds`, because freezes and the restarts of killed processes take time.
    longest_seconds = 1.5 * seconds + SECONDS_OF_A_FAULT * len(kinds)
    seeds = _seed(stand_ins, shows=int(longest_seconds * SHOWS_A_SECOND) + SHOWS_IN_RESERVE)
    with MongoClient[dict[str, Any]](mongod.uri, tz_aware=True) as mongodb, Reruns(mongodb, DATABASE) as reruns:
        database = mongodb[DATABASE]
        with (
            product_of(stand_ins, with_clocks=Kind.CLOCK in kinds) as product,
            Supervisor(product.services) as supervisor,
        ):
            clients = Clients(product.web.url, seeds)
            fault_run = FaultRun(supervisor, Injector(product, mongod, clients, supervisor, rng), clients, write)
            supervisor.wait_for(product.is_up, "the product is up", seconds=UP_WITHIN_SECONDS)
            with clients:
                fault_run.inject_at_random(kinds, seconds=seconds, rng=rng)
                drained = fault_run.drain(database)
            write_progress(write, f"\n  drained {drained:.1f} s after the last fault")
            left_behind = end(product.services, stand_ins.directory)
        evidence = gather(clients, stand_ins, database, left_behind)
        return _report(write, fault_run.faults, evidence, database, reruns=reruns.count)


def _seed(stand_ins: StandIns, *, shows: int) -> list[Seed]:
    """Migrate the database, and insert what the clients need to create this number of shows."""
    with Children(environment_of(stand_ins), stand_ins.directory) as children:
        children.run("migrate", ["manage.py", "migrate"])
        seeding = ["manage.py", "seed_demo", "--viewers", str(VIEWERS), "--shows", str(shows)]
        return [json.loads(line) for line in children.run("seed_demo", seeding).splitlines()]


def _report(
    write: Write, faults: list[Fault], evidence: Evidence, database: Database[dict[str, Any]], *, reruns: int
) -> bool:
    write("")
    for line in faults_table(faults, Completions.read(database, evidence.created)):
        write(line)
    write("")
    write(f"  {len(evidence.created)} shows; {lateness_line(lateness_ms(evidence))}")
    write(attempts_line(evidence.created))
    again, others = duplicates(evidence), renamed(evidence)
    write(f"  reruns: {reruns}; events that arrived again: {again}, of which {others} had a new event_id")
    write(f"  repairs by the reconcilers: {evidence.repairs}\n")
    return write_findings(write, judge(evidence))
