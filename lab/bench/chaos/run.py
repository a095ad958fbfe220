"""One run: everything is started, the storm blows, the evidence is judged, the tables are written."""

import json
import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.database import Database

from lab.bench.chaos.clients import SHOWS_A_SECOND, Clients, Seed
from lab.bench.chaos.evidence import Evidence, gather
from lab.bench.chaos.kills import Kill, Killer
from lab.bench.chaos.mongod import Mongod
from lab.bench.chaos.process_table import with_variable
from lab.bench.chaos.report import Completions, attempts_line, findings_table, kills_table, lateness_line
from lab.bench.chaos.reruns import Reruns
from lab.bench.chaos.services import Service, Supervisor
from lab.bench.chaos.storm import Storm
from lab.bench.chaos.verdict import duplicates, judge, lateness_ms, renamed
from lab.demo.children import Children
from lab.demo.stage import Stage
from taskqueue.queues import Queue

CLUSTERS = 2
VIEWERS = 3
SHOWS_IN_RESERVE = 20
UP_WITHIN_SECONDS = 60.0
Write = Callable[[str], object]


@dataclass(frozen=True)
class Product:
    """The product's processes, and where its server listens."""

    clusters: list[Service]
    web: Service
    url: str

    @property
    def services(self) -> list[Service]:
        """All of them."""
        return [*self.clusters, self.web]

    def is_up(self) -> bool:
        """Tell whether every queue has a worker, and the server answers."""
        if not all(cluster.processes(queue.value) for cluster in self.clusters for queue in Queue):
            return False
        try:
            return requests.get(f"{self.url}/healthz", timeout=1).ok
        except requests.RequestException:
            return False


@dataclass(frozen=True)
class Weather:
    """How bad it gets: so many kills in so many seconds."""

    kills: int
    seconds: float
    rng: random.Random


def run_chaos(stage: Stage, mongod: Mongod, weather: Weather, write: Write) -> bool:
    """Return whether every rule held."""
    environment = {**stage.environment(), "NOTIFY_CONCURRENCY": "4"}
    # A storm lasts longer than planned when its victims take their time to come back.
    seeds = _prepare(environment, stage.directory, shows=int(1.5 * weather.seconds * SHOWS_A_SECOND) + SHOWS_IN_RESERVE)
    with MongoClient[dict[str, Any]](mongod.uri, tz_aware=True) as mongodb, Reruns(mongodb, stage.database) as reruns:
        database = mongodb[stage.database]
        with _product(environment, stage.directory) as product, Supervisor(product.services) as supervisor:
            clients = Clients(product.url, seeds)
            killer = Killer(product.clusters, product.web, mongod, clients, weather.rng)
            storm = Storm(supervisor, killer, clients, write)
            supervisor.wait_for(product.is_up, "the product is up", seconds=UP_WITHIN_SECONDS)
            with clients:
                storm.blow(weather.kills, seconds=weather.seconds, rng=weather.rng)
                drained = storm.calm(database)
            write(f"\n  drained {drained:.1f} s after the last kill")
            left_behind = _end(product.services, stage.directory)
        evidence = gather(clients, stage, database, left_behind)
        return _report(write, storm.kills, evidence, database, reruns=reruns.count)


def _prepare(environment: dict[str, str], directory: Path, *, shows: int) -> list[Seed]:
    """Migrate, and seed that many shows that can be created."""
    with Children(environment, directory) as children:
        children.run("migrate", ["manage.py", "migrate"])
        seeding = ["manage.py", "seed_demo", "--viewers", str(VIEWERS), "--shows", str(shows)]
        return [json.loads(line) for line in children.run("seed_demo", seeding).splitlines()]


@contextmanager
def _product(environment: dict[str, str], directory: Path) -> Iterator[Product]:
    """Hold the server's socket inside the block: no other process takes its port."""
    queue = ["manage.py", "qcluster"]
    clusters = [Service(queue, environment, directory / f"qcluster-{number}.log") for number in range(CLUSTERS)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor = listener.fileno()
        bind = ["--config", "python:ops.gunicorn_settings", "--workers", "1", "--bind", f"fd://{descriptor}"]
        web = Service(["-m", "gunicorn", *bind], environment, directory / "gunicorn.log", pass_fds=[descriptor])
        yield Product(clusters, web, f"http://127.0.0.1:{listener.getsockname()[1]}")


def _end(services: list[Service], directory: Path) -> list[str]:
    """Stop all in order. Return what is wrong: processes that nobody supervises, exit codes, processes left behind."""
    of_product = f"DATA_DIR={directory}"
    parents = with_variable(of_product)
    wrong = [f"orphan {pid}" for pid, parent in parents.items() if parent not in parents and parent != os.getpid()]
    wrong += [f"{service.log.stem} exited with {code}" for service in services if (code := service.stop())]
    return wrong + [f"{pid} is left behind" for pid in with_variable(of_product)]


def _report(
    write: Write, kills: list[Kill], evidence: Evidence, database: Database[dict[str, Any]], *, reruns: int
) -> bool:
    findings = judge(evidence)
    write("")
    for line in kills_table(kills, Completions.read(database, evidence.created)):
        write(line)
    write("")
    write(f"  {len(evidence.created)} shows; {lateness_line(lateness_ms(evidence))}")
    write(attempts_line(evidence.created))
    write(f"  reruns {reruns}, events that came again {duplicates(evidence)}, {renamed(evidence)} with a new event_id")
    write(f"  put right by the reconciler {evidence.repairs}\n")
    for line in findings_table(findings):
        write(line)
    return not any(finding.broken for finding in findings)
