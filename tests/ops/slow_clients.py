"""Holds connections open, and measures how long other clients wait for responses meanwhile."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import requests

from tests.crash.server import KillableServer

HALF_HEADER = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A"
HALF_BODY = (
    b"POST /auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
)


@contextmanager
def held_connections(server: KillableServer, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Yield open connections, on each of which these bytes were sent."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 5000), hard))
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(count)]
        for client in clients:
            client.sendall(sent)
        yield clients


def connect(server: KillableServer) -> socket.socket:
    """Return a connection to the server."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def slowest(server: KillableServer, path: str, headers: dict[str, str], times: int = 10) -> float:
    """Send requests, each on a connection of its own, and return how many seconds the slowest took."""
    seconds = []
    for _ in range(times):
        began = time.monotonic()
        answer = requests.get(f"{server.url}{path}", headers=headers, timeout=20)
        seconds.append(time.monotonic() - began)
        assert answer.status_code == 200, answer.text
    return max(seconds)
