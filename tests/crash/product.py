"""The whole product on a replica set that fails, with clients that measure how long each response takes."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import requests
from bson import ObjectId
from pymongo import MongoClient

from lab.bench.chaos.clients import STARTS_IN_SECONDS, Clients, Created, Seed
from lab.bench.chaos.evidence import gather
from lab.bench.chaos.verdict import judge
from lab.bench.queued import waiting
from lab.bench.services import Service, Supervisor, WebServer, qcluster, web_server
from lab.bodies import show_body
from lab.demo.children import Children
from lab.stand_ins import StandIns, run_stand_ins
from taskqueue.queues import Queue

DATABASE = "hanging"
UP_WITHIN_SECONDS = 60.0
DRAINED_WITHIN_SECONDS = 60.0
SHOW_SECONDS = 3600
ASK_EVERY_SECONDS = 0.1
NOTHING: Mapping[str, str] = {}


class TimedClients(Clients):
    """Creates two shows a second.

    `answers` has the duration in seconds and the status of each request. The status is None if no response came.
    """

    def __init__(self, url: str, seeds: list[Seed]) -> None:
        super().__init__(url, seeds)
        self.answers: list[tuple[float, int | None]] = []

    def _post(self, body: Any, seed: Seed) -> requests.Response | None:
        began = time.monotonic()
        answer = super()._post(body, seed)
        self.answers.append((time.monotonic() - began, None if answer is None else answer.status_code))
        return answer


class Probe:
    """Requests a URL again and again inside the block. `seconds` has the duration of each request in seconds."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.seconds: list[float] = []
        self.statuses: set[int] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        with requests.Session() as session:
            while not self._ended.wait(ASK_EVERY_SECONDS):
                began = time.monotonic()
                self.statuses.add(session.get(self._url, timeout=60).status_code)
                self.seconds.append(time.monotonic() - began)


@dataclass
class Product:
    """A web server and a qcluster. Each new show uses up a seed, which is a paid funding goal without a show."""

    stand_ins: StandIns
    web: WebServer
    cluster: Service
    supervisor: Supervisor
    seeds: list[Seed]
    created: list[Created] = field(default_factory=list)

    def create(self, shows: int, *, nbf: int) -> list[Created]:
        """Create shows that are due at `nbf`."""
        made = []
        for _ in range(shows):
            seed = self.seeds.pop()
            body = show_body(seed["funding_goal_id"], seed["session_id"], nbf=nbf, target_seconds=SHOW_SECONDS)
            headers = {"Authorization": f"Bearer {seed['streamer']['access']}"}
            answer = requests.post(f"{self.web.url}/goals?type=show", json=body, headers=headers, timeout=15)
            assert answer.status_code == 201, answer.text
            made.append(Created(seed, answer.json()["id"], time.time(), 1))
        self.created += made
        return made

    @contextmanager
    def clients(self, seconds: float) -> Iterator[TimedClients]:
        """Keep creating shows inside the block, for at most `seconds`. Then wait for the last responses."""
        count = int(2 * seconds)
        clients = TimedClients(self.web.url, [self.seeds.pop() for _ in range(count)])
        with clients:
            yield clients
        while not clients.are_settled():
            self.supervisor.wait(0.1)
        self.created += clients.created

    def broken_rules(self, clients: Clients) -> dict[str, list[str]]:
        """Wait until nothing is left to do. Return what was lost, doubled or left behind, by rule."""
        with MongoClient[dict[str, Any]](self.stand_ins.mongodb_uri, tz_aware=True) as mongodb:
            database = mongodb[DATABASE]
            self.supervisor.wait(STARTS_IN_SECONDS[1])  # until all shows are due
            give_up_at = time.monotonic() + DRAINED_WITHIN_SECONDS
            while waiting(database) and time.monotonic() < give_up_at:
                self.supervisor.wait(0.2)
            self.supervisor.wait(0.5)
            clients.created = self.created
            evidence = gather(clients, self.stand_ins, database, [])
        return {finding.rule: finding.broken for finding in judge(evidence) if finding.broken}

    def lateness(self, shows: list[Created], *, since: float) -> list[float]:
        """Return how many seconds after `since`, or after a later `nbf`, each show began. The numbers are sorted."""
        ids = [ObjectId(show.goal_id) for show in shows]
        give_up_at = time.monotonic() + DRAINED_WITHIN_SECONDS
        with MongoClient[dict[str, Any]](self.stand_ins.mongodb_uri, tz_aware=True) as mongodb:
            goals = mongodb[DATABASE].goals
            while goals.count_documents({"_id": {"$in": ids}, "activated_at": None}) and time.monotonic() < give_up_at:
                self.supervisor.wait(0.2)
            begun = list(goals.find({"_id": {"$in": ids}}))
        return sorted(goal["activated_at"].timestamp() - max(since, goal["nbf"].timestamp()) for goal in begun)


@contextmanager
def product_on(
    uri: str,
    directory: Path,
    *,
    shows: int,
    of_cluster: Mapping[str, str] = NOTHING,
    of_web: Mapping[str, str] = NOTHING,
) -> Iterator[Product]:
    """Run the product on the MongoDB servers of `uri`, with seeds for this many shows.

    `of_cluster` has environment variables for the qcluster only, and `of_web` for the web server only.
    """
    with run_stand_ins(mongodb_uri=uri, database=DATABASE, directory=directory) as stand_ins:
        environment = stand_ins.environment()
        with Children(environment, directory) as children:
            children.run("migrate", ["manage.py", "migrate"])
            seeding = ["manage.py", "seed_demo", "--viewers", "2", "--shows", str(shows)]
            seeds = [json.loads(line) for line in children.run("seed_demo", seeding).splitlines()]
        cluster = qcluster({**environment, **of_cluster}, directory / "qcluster.log")
        with (
            web_server({**environment, **of_web}, directory / "web.log") as web,
            Supervisor([cluster, web]) as supervisor,
        ):
            is_up = lambda: web.answers() and all(cluster.processes(queue.value) for queue in Queue)  # noqa: E731
            supervisor.wait_for(is_up, "the product is up", seconds=UP_WITHIN_SECONDS)
            yield Product(stand_ins, web, cluster, supervisor, seeds)
