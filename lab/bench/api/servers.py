"""The product (gunicorn and qcluster) and its peer on a gunicorn of the same settings."""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from lab.bench.api import bare_settings
from lab.bench.chaos.evidence import waiting
from lab.bench.chaos.services import Service, Supervisor
from lab.bench.fanout.usage import cpu_seconds
from lab.bench.surroundings import connection
from mongodb.transactions import collection
from showgoals.tasks import fold_contributions
from taskqueue.messages import MESSAGES

UP_WITHIN_SECONDS = 60.0
DRAINED_WITHIN_SECONDS = 300.0


@dataclass(frozen=True)
class Server:
    """A gunicorn."""

    name: str
    port: int
    service: Service
    is_peer: bool

    def answers(self) -> bool:
        """Tell whether it is up."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=1).ok
        except requests.RequestException:
            return False

    @property
    def cpu_seconds(self) -> float:
        """What its processes have used."""
        return cpu_seconds(self.service.pid)


@dataclass(frozen=True)
class Servers:
    """Both, and the product's queue."""

    ours: Server
    bare: Server
    supervisor: Supervisor

    def drain(self) -> float:
        """Wait until the queue has nothing to do; return how long that took. Raises BenchFailed."""
        began = time.monotonic()
        self.supervisor.wait_for(_is_drained, "the queue is drained", seconds=DRAINED_WITHIN_SECONDS)
        return time.monotonic() - began


def _is_drained() -> bool:
    """Tell whether nothing is due; folds count from when they are queued, which is a second before."""
    folds = collection(MESSAGES).count_documents({"name": fold_contributions.__name__}, limit=1)
    return not folds and not waiting(connection.database)


@contextmanager
def run_servers(environment: Mapping[str, str], directory: Path) -> Iterator[Servers]:
    """Run all inside the block."""
    bare_environment = {**environment, "DJANGO_SETTINGS_MODULE": bare_settings.__name__}
    with _server("ours", environment, directory) as ours, _server("bare", bare_environment, directory) as bare:
        queue = Service(["manage.py", "qcluster"], environment, directory / "qcluster.log")
        with Supervisor([ours.service, bare.service, queue]) as supervisor:
            supervisor.wait_for(
                lambda: ours.answers() and bare.answers(), "both servers are up", seconds=UP_WITHIN_SECONDS
            )
            yield Servers(ours, bare, supervisor)


@contextmanager
def _server(name: str, environment: Mapping[str, str], directory: Path) -> Iterator[Server]:
    """Hold the server's socket inside the block: no other process takes its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        descriptor = listener.fileno()
        command = ["-m", "gunicorn", "--config", "python:ops.gunicorn_settings", "--bind", f"fd://{descriptor}"]
        service = Service(command, environment, directory / f"gunicorn-{name}.log", pass_fds=[descriptor])
        yield Server(name, listener.getsockname()[1], service, is_peer=name == "bare")
