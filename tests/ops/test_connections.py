"""A real server keeps connections open after most refusals. If it closes a connection, the client can read why."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from urllib3.connection import HTTPConnection

from api.authentication import issue_access
from tests.crash.server import KillableServer
from tests.ops.slow_clients import connect

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow]

ORIGIN = "https://studio.example.com"
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableServer]:
    directory: Path = tmp_path_factory.mktemp("connections")
    environment = {
        "MONGODB_NAME": connection.settings_dict["NAME"],
        "CORS_ALLOWED_ORIGINS": ORIGIN,
        "DATA_DIR": str(directory),
        "SECRET_KEY": settings.SECRET_KEY,
        "STREAM_TOKEN_KEY": settings.STREAM_TOKEN_KEY,
    }
    server = KillableServer({**os.environ, **environment})
    server.start()
    yield server
    server.close()


def read_all(client: socket.socket) -> list[tuple[int, dict[str, str], bytes]]:
    """Return the status, the headers by lower-case name, and the body of each response on the connection."""
    answers, rest = [], client.makefile("rb").read()
    while rest:
        head, _blank, rest = rest.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        length = int(headers.get("content-length", 0))
        answers.append((int(line.split(" ")[1]), headers, rest[:length]))
        rest = rest[length:]
    return answers


@pytest.mark.parametrize("megabytes", [2, 8, 32])
def test_client_that_is_still_sending_reads_why_its_body_is_refused(
    server: KillableServer, viewer: User, megabytes: int
) -> None:
    size = megabytes * 2**20
    head = f"POST /sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {issue_access(viewer)}\r\n"
    with connect(server) as client:
        client.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode())
        client.sendall(b" " * size)
        ((status, headers, body),) = read_all(client)

    assert (status, json.loads(body)["code"]) == (413, "payload_too_large")
    assert headers["connection"] == "close"


def test_connection_goes_on_after_refusals(server: KillableServer, viewer: User) -> None:
    bearer = {"Authorization": f"Bearer {issue_access(viewer)}"}
    refused = [
        ("POST", "/goals", {}, b'{"a": 1}', 401),
        ("POST", "/goals", bearer, b"x" * 100_000, 415),
        ("POST", "/goals", bearer | {"Content-Type": "application/json"}, b"{" * 100_000, 400),
        ("POST", "/nope", {}, b"x" * 2**20, 404),
        ("DELETE", "/healthz", {}, b"x" * 1000, 405),
        ("PUT", "/goals", bearer, b"x" * 1000, 415),
        ("GET", "/goals", {}, b"x" * 1000, 401),
    ]
    client = HTTPConnection("127.0.0.1", server.port, timeout=20)
    statuses, sockets = [], set()
    for method, path, headers, body, _status in refused:
        client.request(method, path, body=body, headers=headers)
        sockets.add(client.sock)
        answer = client.getresponse()
        _ = answer.data
        statuses.append((answer.status, answer.headers.get("Connection")))
    client.close()

    assert statuses == [(status, None) for *_request, status in refused]
    assert len(sockets) == 1


def test_pipelined_requests_are_answered_in_order(server: KillableServer) -> None:
    paths = [b"/healthz", b"/nope", b"/goals", b"/healthz"]
    requests = [
        b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: n%d\r\n" % (path, n) for n, path in enumerate(paths)
    ]
    with connect(server) as client:
        client.sendall(b"\r\n".join(requests) + b"Connection: close\r\n\r\n")
        answers = [(status, headers["x-request-id"]) for status, headers, _body in read_all(client)]

    assert answers == [(200, "n0"), (404, "n1"), (401, "n2"), (200, "n3")]


@pytest.mark.parametrize(
    ("length", "answer"),
    [(2, "100 Continue"), (2 * 2**20, "413 Payload Too Large"), (8 * 2**20, "413 Payload Too Large")],
)
def test_client_is_asked_only_for_a_body_that_is_read(server: KillableServer, length: int, answer: str) -> None:
    head = b"POST /auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    with connect(server) as client:
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % length)
        line = client.makefile("rb").readline()

    assert line == f"HTTP/1.1 {answer}\r\n".encode()


@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example.com"])
@pytest.mark.parametrize("order", ["origin first", "origin last"])
@pytest.mark.parametrize(
    ("header", "status"), [(b"X-A: " + b"a" * 9000, 431), (b"nonsense", 400), (b"Content-Length: 9999999", 413)]
)
def test_refusal_by_the_server_can_be_read_by_allowed_pages(
    server: KillableServer, origin: str, order: str, header: bytes, status: int
) -> None:
    origin_header = b"Origin: " + origin.encode()
    fields = [origin_header, header] if order == "origin first" else [header, origin_header]
    with connect(server) as client:
        client.sendall(b"\r\n".join([HEALTHZ + b"X-Request-ID: mine", *fields, b"", b""]))
        client.shutdown(socket.SHUT_WR)
        ((answered, headers, body),) = read_all(client)

    assert (answered, json.loads(body)["status"]) == (status, status)
    assert headers.get("access-control-allow-origin") == (origin if origin == ORIGIN else None)
    assert (headers["x-request-id"], headers["connection"], headers["x-content-type-options"]) == (
        "mine",
        "close",
        "nosniff",
    )
    assert "date" in headers


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /healthz HTTP/1.0\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n", 400),
    ],
)
def test_each_request_of_http_1_1_names_one_host(server: KillableServer, request_head: bytes, status: int) -> None:
    with connect(server) as client:
        client.sendall(request_head + b"Connection: close\r\n\r\n")
        ((answered, headers, _body),) = read_all(client)

    assert (answered, "x-request-id" in headers) == (status, True)


def test_upgrades_are_ignored(server: KillableServer) -> None:
    upgrade = b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    with connect(server) as client:
        client.sendall(HEALTHZ + upgrade)
        ((status, _headers, body),) = read_all(client)

    assert (status, body) == (200, b'{"status":"ok"}')


@pytest.mark.parametrize(
    ("request_line", "sent", "statuses"),
    [
        (b"GET /healthz", b"", [200]),
        (b"POST /auth/token", b"Content-Length: 2\r\n\r\n{}", [415]),
        (b"POST /auth/token", b"Content-Length: 3\r\n\r\n{}", [408]),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /nope", b"", [200, 404]),
    ],
)
def test_client_that_ends_its_side_is_answered(
    server: KillableServer, request_line: bytes, sent: bytes, statuses: list[int]
) -> None:
    with connect(server) as client:
        client.sendall(request_line + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (sent or b"\r\n"))
        client.shutdown(socket.SHUT_WR)

        assert [status for status, _headers, _body in read_all(client)] == statuses


def test_connections_over_the_limit_are_refused(child_environment: dict[str, str], tmp_path: Path) -> None:
    options = "--workers=1 --worker-connections=3"
    server = KillableServer(child_environment | {"DATA_DIR": str(tmp_path), "GUNICORN_CMD_ARGS": options})
    server.start()
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connect(server)).sendall(HEALTHZ)
        with connect(server) as client:
            ((status, headers, body),) = read_all(client)
    server.close()

    assert (status, json.loads(body)["code"], headers["retry-after"]) == (503, "unavailable", "1")
