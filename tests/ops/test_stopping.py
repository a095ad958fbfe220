"""A server that stops, or restarts, loses no request."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, get_ident

import pytest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from tests.crash.server import KillableServer
from tests.lab.process_tree import descendants
from tests.ops.slow_clients import HALF_HEADER, held_connections
from tests.taskqueue.clusters import eventually

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.long]

CLIENTS = 12
LAST = "last answer"
MOST_LOAD_SECONDS = 60.0


@pytest.fixture
def server(child_environment: dict[str, str], tmp_path: Path) -> Iterator[KillableServer]:
    server = KillableServer(child_environment | {"DATA_DIR": str(tmp_path)})
    server.start()
    yield server
    server.close()


class Load:
    """Clients that keep their connections, and count responses and requests without a response."""

    def __init__(self, server: KillableServer) -> None:
        self.counts: Counter[str] = Counter()
        self.lost: list[str] = []
        # The threads that connect again, until their new connection has brought a response.
        self.connecting: set[int] = set()
        self._server = server
        self._is_ending = Event()

    def run(self) -> None:
        """Send requests again and again. Use a new connection only if the last response has ended the connection."""
        client, me = self._client(), get_ident()
        give_up_at = time.monotonic() + MOST_LOAD_SECONDS
        while time.monotonic() < give_up_at:
            try:
                client.request("GET", "/sessions")
                answer = client.getresponse()
                _ = answer.data
            except (HTTPError, OSError) as error:
                self.lost.append(repr(error))
                return
            self.counts[str(answer.status)] += 1
            if answer.headers.get("Connection") != "close":
                self.connecting.discard(me)
            else:
                self.connecting.add(me)
                self.counts[LAST] += 1
                client.close()
                if self._is_ending.is_set():
                    return
                client = self._client()
            time.sleep(0.01)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the clients during the block, and then until the server has ended the connection of each client."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self.run) for _ in range(CLIENTS)]
            eventually(lambda: self.counts["401"] > 5 * CLIENTS)
            yield
            for client in clients:
                client.result()

    def end(self) -> None:
        """Let each client stop when the server ends its connection."""
        self._is_ending.set()

    def _client(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._server.port, timeout=30)


def test_requests_that_have_arrived_are_answered_before_the_end(server: KillableServer) -> None:
    load = Load(server)
    with load.running():
        load.end()
        os.kill(server.pid, signal.SIGTERM)

    assert load.lost == []
    assert load.counts.pop("401") > 5 * CLIENTS
    assert load.counts == {LAST: CLIENTS}
    assert server.exit_code(within=25) == 0


def test_reload_replaces_the_processes_and_loses_no_request(server: KillableServer) -> None:
    before = set(descendants(server.pid))
    load = Load(server)
    with load.running():
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: not before & set(descendants(server.pid)), within=50)
        eventually(lambda: not load.connecting)  # a server that has stopped accepts no connection
        load.end()
        os.kill(server.pid, signal.SIGTERM)

    assert load.lost == []
    assert load.counts[LAST] >= 2 * CLIENTS
    assert server.exit_code(within=25) == 0


def test_killed_process_is_replaced_while_the_others_serve(server: KillableServer) -> None:
    killed, *others = descendants(server.pid)
    os.kill(killed, signal.SIGKILL)

    load = Load(server)
    with load.running():
        eventually(lambda: len(set(descendants(server.pid)) - {killed}) == len(others) + 1, within=50)
        assert set(others) < set(descendants(server.pid))
        load.end()
        os.kill(server.pid, signal.SIGTERM)

    assert load.lost == []


def test_slow_clients_do_not_delay_the_end_for_long(server: KillableServer) -> None:
    with held_connections(server, 100, HALF_HEADER), held_connections(server, 100, b""):
        os.kill(server.pid, signal.SIGTERM)

        assert server.exit_code(within=25) == 0
