"""The product's processes, with vendors that can be frozen and clocks that can be set."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.bench.environment import HOST
from lab.bench.processes import with_variable
from lab.bench.services import Service, WebServer, qcluster, web_server
from lab.bench.witness import Pipe, Witness, answer_questions
from lab.relay import Relay
from lab.stand_ins import StandIns
from lab.wrong_clock import WrongClock
from taskqueue.queues import Queue

CLUSTERS = 2


@dataclass(frozen=True)
class Product:
    """Two clusters and a web server. They reach the stand-ins of the vendors through two processes that pass calls on.

    `clocks` has the clock of each cluster, or is empty if the clocks can't be set.
    """

    clusters: list[Service]
    web: WebServer
    pusher: Witness
    byteplus: Witness
    clocks: list[WrongClock]

    @property
    def services(self) -> list[Service]:
        """The clusters and the web server."""
        return [*self.clusters, self.web]

    def is_up(self) -> bool:
        """Tell whether every cluster has workers for all queues, and the web server responds."""
        return len(self.working_clusters()) == len(self.clusters) and self.web.answers()

    def working_clusters(self) -> list[Service]:
        """Return the clusters that have workers for all queues."""
        return [each for each in self.clusters if all(each.processes(queue.value) for queue in Queue)]

    def workers(self, queue: Queue) -> list[int]:
        """Return the process ids of the workers of this queue, in all clusters."""
        return [pid for cluster in self.clusters for pid in cluster.processes(queue.value)]


@contextmanager
def product_of(stand_ins: StandIns, *, with_clocks: bool) -> Iterator[Product]:
    """Yield the processes, which a supervisor must start, and keep the vendors reachable inside the block.

    Clocks that can be set need a C compiler.
    """
    directory = stand_ins.directory
    with ExitStack() as stack:
        pusher = stack.enter_context(Witness(pass_calls_on, port=stand_ins.pusher.port))
        byteplus = stack.enter_context(Witness(pass_calls_on, port=stand_ins.byteplus.port))
        environment = environment_of(stand_ins) | {
            "PUSHER_PORT": str(pusher.greeting),
            "BYTEPLUS_HOST": f"{HOST}:{byteplus.greeting}",
        }
        clocks = [WrongClock(directory / f"clock-{number}") for number in range(CLUSTERS * with_clocks)]
        of_clocks = [clock.environment for clock in clocks] or [{}] * CLUSTERS
        clusters = [
            qcluster(environment | of_clock, directory / f"qcluster-{number}.log")
            for number, of_clock in enumerate(of_clocks)
        ]
        web = stack.enter_context(web_server(environment, directory / "gunicorn.log", "--workers", "1"))
        yield Product(clusters, web, pusher, byteplus, clocks)


def environment_of(stand_ins: StandIns) -> dict[str, str]:
    """Return the environment of the product's processes."""
    return {**stand_ins.environment(), "NOTIFY_CONCURRENCY": "4"}


def end(services: list[Service], directory: Path) -> list[str]:
    """Stop all services. Return what is wrong: orphaned processes, nonzero exit codes, and processes left behind."""
    parents = with_variable("DATA_DIR", str(directory))
    wrong = [f"orphan {pid}" for pid, parent in parents.items() if parent not in parents and parent != os.getpid()]
    wrong += [f"{service.log.stem} exited with {code}" for service in services if (code := service.stop())]
    return wrong + [f"{pid} is left behind" for pid in with_variable("DATA_DIR", str(directory))]


def pass_calls_on(pipe: Pipe, *, port: int) -> None:
    """Run a relay to a stand-in until the pipe is closed. Send the relay's port through the pipe first."""
    asyncio.run(_pass_calls_on(pipe, port))


async def _pass_calls_on(pipe: Pipe, port: int) -> None:
    async with Relay(HOST, port) as relay:
        pipe.send(relay.port)
        await asyncio.to_thread(answer_questions, pipe, str)
