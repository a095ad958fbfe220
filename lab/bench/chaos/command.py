"""`bench chaos`: shows are created and started while processes and MongoDB are killed; then everything is checked."""

import json
import os
import random
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from pymongo import MongoClient
from pymongo.database import Database

from lab.bench.chaos.clients import SHOWS_A_SECOND, Clients, Seed
from lab.bench.chaos.evidence import Evidence, gather
from lab.bench.chaos.kill_run import KillRun
from lab.bench.chaos.kills import Kill, Killer
from lab.bench.chaos.mongod import Mongod
from lab.bench.chaos.reruns import Reruns
from lab.bench.chaos.tables import Completions, attempts_line, kills_table, lateness_line
from lab.bench.chaos.verdict import duplicates, judge, lateness_ms, renamed
from lab.bench.environment import BenchFailed, clean_interruption, empty_directory
from lab.bench.processes import with_variable
from lab.bench.report import Write, write_findings, write_progress
from lab.bench.services import Service, Supervisor, WebServer, qcluster, web_server
from lab.demo.children import Children
from lab.stand_ins import StandIns, run_stand_ins
from taskqueue.queues import Queue

HELP = "kill the product's processes and mongod at random under load, then check that nothing is lost or done twice"
DATABASE = "chaos"
CLUSTERS = 2
VIEWERS = 3
SHOWS_IN_RESERVE = 20
UP_WITHIN_SECONDS = 60.0


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--kills", type=int, default=100, help="number of kills (default: 100)")
    parser.add_argument(
        "--seconds", type=float, default=200, help="seconds over which the kills are spread (default: 200)"
    )
    parser.add_argument("--seed", type=int, default=None, help="seed of the random numbers (default: a random one)")


def run(write: Write, *, kills: int, seconds: float, seed: int | None, **_options: Any) -> None:
    """Kill processes under load, then judge. Raises BenchFailed if anything is broken."""
    if min(kills, seconds) < 1:
        raise BenchFailed("--kills and --seconds must be at least 1.")
    seed = random.randrange(10**6) if seed is None else seed  # noqa: S311 - not a secret
    with (
        clean_interruption(),
        _own_mongod() as (mongod, directory),
        run_stand_ins(mongodb_uri=mongod.uri, database=DATABASE, directory=directory) as stand_ins,
    ):
        write_progress(write, f"{kills} kills in {seconds:.0f} s, --seed {seed}; logs: {directory}\n")
        rng = random.Random(seed)  # noqa: S311 - not a secret
        if not _run(stand_ins, mongod, write, kills=kills, seconds=seconds, rng=rng):
            raise BenchFailed("Something was lost, done twice or left behind.")


@dataclass(frozen=True)
class Product:
    """The product's processes."""

    clusters: list[Service]
    web: WebServer

    @property
    def services(self) -> list[Service]:
        """The clusters and the web server."""
        return [*self.clusters, self.web]

    def is_up(self) -> bool:
        """Tell whether every queue has a worker, and the server responds."""
        return (
            all(cluster.processes(queue.value) for cluster in self.clusters for queue in Queue) and self.web.answers()
        )


@contextmanager
def _own_mongod() -> Iterator[tuple[Mongod, Path]]:
    """Run a separate MongoDB server inside the block. Yield the server, and the directory of its data and all logs."""
    mongod = Mongod(Path(settings.DATA_DIR) / "bench" / "chaos" / "mongo")
    mongod.stop()  # in case an earlier run was killed
    directory = empty_directory("chaos")
    try:
        mongod.start()
        yield mongod, directory
    finally:
        mongod.stop()


def _run(stand_ins: StandIns, mongod: Mongod, write: Write, *, kills: int, seconds: float, rng: random.Random) -> bool:
    """Kill processes under load. Return whether every rule held."""
    environment = {**stand_ins.environment(), "NOTIFY_CONCURRENCY": "4"}
    # The run takes longer than planned if killed processes need much time to come back.
    seeds = _seed(environment, stand_ins.directory, shows=int(1.5 * seconds * SHOWS_A_SECOND) + SHOWS_IN_RESERVE)
    with MongoClient[dict[str, Any]](mongod.uri, tz_aware=True) as mongodb, Reruns(mongodb, DATABASE) as reruns:
        database = mongodb[DATABASE]
        with _product(environment, stand_ins.directory) as product, Supervisor(product.services) as supervisor:
            clients = Clients(product.web.url, seeds)
            killer = Killer(product.clusters, product.web, mongod, clients, rng)
            kill_run = KillRun(supervisor, killer, clients, write)
            supervisor.wait_for(product.is_up, "the product is up", seconds=UP_WITHIN_SECONDS)
            with clients:
                kill_run.kill_at_random(kills, seconds=seconds, rng=rng)
                drained = kill_run.drain(database)
            write_progress(write, f"\n  drained {drained:.1f} s after the last kill")
            left_behind = _end(product.services, stand_ins.directory)
        evidence = gather(clients, stand_ins, database, left_behind)
        return _report(write, kill_run.kills, evidence, database, reruns=reruns.count)


def _seed(environment: dict[str, str], directory: Path, *, shows: int) -> list[Seed]:
    """Migrate the database, and seed this number of shows that can be created."""
    with Children(environment, directory) as children:
        children.run("migrate", ["manage.py", "migrate"])
        seeding = ["manage.py", "seed_demo", "--viewers", str(VIEWERS), "--shows", str(shows)]
        return [json.loads(line) for line in children.run("seed_demo", seeding).splitlines()]


@contextmanager
def _product(environment: dict[str, str], directory: Path) -> Iterator[Product]:
    clusters = [qcluster(environment, directory / f"qcluster-{number}.log") for number in range(CLUSTERS)]
    with web_server(environment, directory / "gunicorn.log", "--workers", "1") as web:
        yield Product(clusters, web)


def _end(services: list[Service], directory: Path) -> list[str]:
    """Stop all services. Return what is wrong: processes without a supervisor, exit codes, processes left behind."""
    parents = with_variable("DATA_DIR", str(directory))
    wrong = [f"orphan {pid}" for pid, parent in parents.items() if parent not in parents and parent != os.getpid()]
    wrong += [f"{service.log.stem} exited with {code}" for service in services if (code := service.stop())]
    return wrong + [f"{pid} is left behind" for pid in with_variable("DATA_DIR", str(directory))]


def _report(
    write: Write, kills: list[Kill], evidence: Evidence, database: Database[dict[str, Any]], *, reruns: int
) -> bool:
    write("")
    for line in kills_table(kills, Completions.read(database, evidence.created)):
        write(line)
    write("")
    write(f"  {len(evidence.created)} shows; {lateness_line(lateness_ms(evidence))}")
    write(attempts_line(evidence.created))
    again, others = duplicates(evidence), renamed(evidence)
    write(f"  reruns: {reruns}; events that arrived again: {again}, of which {others} had a new event_id")
    write(f"  repairs by the reconcilers: {evidence.repairs}\n")
    return write_findings(write, judge(evidence))
