"""What is killed with kill -9, and how the process is chosen."""

import os
import random
import signal
import time
from dataclasses import dataclass
from enum import Enum

from lab.bench.chaos.clients import Clients
from lab.bench.chaos.mongod import Mongod
from lab.bench.processes import children
from lab.bench.services import Service
from taskqueue.queues import Queue

REQUEST_WITHIN_SECONDS = 2.0
# A request takes about 20 ms. The server is killed at most this long after a request begins.
INTO_REQUEST_SECONDS = 0.015


class Kind(Enum):
    """What is killed, and its share of the kills in percent."""

    START_WORKER = "worker of queue start", 22
    WORK_WORKER = "worker of queue work", 28
    MAIN = "cluster's main process", 12
    TREE = "whole cluster", 12
    WEB = "web process in a request", 16
    MONGOD = "mongod", 10

    def __init__(self, label: str, share: int) -> None:
        self.label = label
        self.share = share


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill, at `at` (Unix seconds)."""

    kind: Kind
    at: float


def kinds_of(kills: int, rng: random.Random) -> list[Kind]:
    """Return the kinds of this number of kills in random order, each kind at least once if there are enough kills."""
    kinds = [kind for kind in Kind for _ in range(max(1, kills * kind.share // 100))][:kills]
    kinds += rng.choices(list(Kind), [kind.share for kind in Kind], k=kills - len(kinds))
    rng.shuffle(kinds)
    return kinds


@dataclass(frozen=True)
class Killer:
    """Kills processes of these services only."""

    clusters: list[Service]
    web: Service
    mongod: Mongod
    clients: Clients
    rng: random.Random

    def kill(self, kind: Kind) -> Kill | None:
        """Kill a process of this kind. Return None if there is none at the moment."""
        match kind:
            case Kind.START_WORKER:
                return self._kill_one(
                    kind, [pid for each in self.clusters for pid in each.processes(Queue.START.value)]
                )
            case Kind.WORK_WORKER:
                return self._kill_one(kind, self._workers(Queue.WORK))
            case Kind.MAIN:
                return self._kill_one(kind, [each.pid for each in self.clusters if _works(each)])
            case Kind.TREE:
                return self._kill_tree()
            case Kind.WEB:
                return self._kill_web()
            case Kind.MONGOD:
                return self._kill_mongod()

    def _workers(self, queue: Queue) -> list[int]:
        return [pid for cluster in self.clusters for pid in cluster.processes(queue.value)]

    def _kill_one(self, kind: Kind, candidates: list[int]) -> Kill | None:
        if not candidates:
            return None
        os.kill(self.rng.choice(candidates), signal.SIGKILL)
        return Kill(kind, time.time())

    def _kill_tree(self) -> Kill | None:
        if not (candidates := [each for each in self.clusters if _works(each)]):
            return None
        kill = Kill(Kind.TREE, time.time())
        self.rng.choice(candidates).kill_tree()
        return kill

    def _kill_web(self) -> Kill | None:
        """Kill gunicorn's worker during a request; its master starts another worker."""
        if not self.clients.await_request(REQUEST_WITHIN_SECONDS):
            return None
        time.sleep(self.rng.uniform(0, INTO_REQUEST_SECONDS))
        return self._kill_one(Kind.WEB, children(self.web.pid) if self.web.pid else [])

    def _kill_mongod(self) -> Kill:
        kill = Kill(Kind.MONGOD, time.time())
        self.mongod.kill()
        self.mongod.start()
        return kill


def _works(cluster: Service) -> bool:
    return all(cluster.processes(queue.value) for queue in Queue)
