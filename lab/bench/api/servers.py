"""The product (gunicorn and qcluster), and its peer on another gunicorn with the same settings."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.bench.api import peer_settings
from lab.bench.environment import connection
from lab.bench.queued import waiting
from lab.bench.services import Supervisor, WebServer, qcluster, web_server
from mongodb.collections import collection
from showgoals.tasks import fold_contributions
from taskqueue.messages import MESSAGES

UP_WITHIN_SECONDS = 60.0
DRAINED_WITHIN_SECONDS = 300.0


@dataclass(frozen=True)
class Servers:
    """Both servers, and the product's queue."""

    ours: WebServer
    bare: WebServer
    supervisor: Supervisor

    def drain(self) -> float:
        """Wait until the queue has nothing to do. Return how many seconds that took. Raises BenchFailed."""
        began = time.monotonic()
        self.supervisor.wait_for(_is_drained, "the queue is drained", seconds=DRAINED_WITHIN_SECONDS)
        return time.monotonic() - began


def _is_drained() -> bool:
    """Tell whether nothing is due. A fold in the queue counts as due even if it is not due yet."""
    folds = collection(MESSAGES).count_documents({"name": fold_contributions.__name__}, limit=1)
    return not folds and not waiting(connection.database)


@contextmanager
def run_servers(environment: Mapping[str, str], directory: Path) -> Iterator[Servers]:
    """Run both servers and the queue inside the block."""
    peer_environment = {**environment, "DJANGO_SETTINGS_MODULE": peer_settings.__name__}
    with (
        web_server(environment, directory / "gunicorn-ours.log") as ours,
        web_server(peer_environment, directory / "gunicorn-bare.log") as bare,
        Supervisor([ours, bare, qcluster(environment, directory / "qcluster.log")]) as supervisor,
    ):
        supervisor.wait_for(lambda: ours.answers() and bare.answers(), "both servers are up", seconds=UP_WITHIN_SECONDS)
        yield Servers(ours, bare, supervisor)
