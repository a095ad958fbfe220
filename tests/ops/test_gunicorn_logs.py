"""gunicorn's own log lines have the id of the request, but no secret from the request."""

import json
import re
import socket
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.demo.children import Children
from tests.taskqueue.clusters import eventually

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow]

PEER = "127.0.0.1"


@pytest.fixture
def address(child_environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A running gunicorn that logs JSON into `gunicorn.log`."""
    with (
        Children(child_environment | {"LOG_FORMAT": "json"}, tmp_path) as children,
        socket.create_server((PEER, 0)) as listener,
    ):
        bind = f"fd://{listener.fileno()}"
        command = ["-m", "gunicorn", "--config", "python:ops.gunicorn_settings", "--bind", bind]
        children.start("gunicorn", command, pass_fds=[listener.fileno()])
        yield listener.getsockname()


def lines(directory: Path) -> list[dict[str, Any]]:
    text = (directory / "gunicorn.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in dropwhile(lambda line: not line.startswith("{"), text.splitlines())]


def said(directory: Path, logger: str, level: str = "INFO") -> list[tuple[str, str]]:
    """Return the request id and the message of each line of the logger, without the milliseconds."""
    return [
        (line["request_id"], " ".join(word for word in line["message"].split() if not word.endswith("ms")))
        for line in lines(directory)
        if (line["logger"], line["level"]) == (logger, level)
    ]


def test_access_line_names_request_path_and_end(address: tuple[str, int], tmp_path: Path) -> None:
    host, port = address
    headers = {
        "X-Request-ID": "mine",
        "Authorization": "Bearer hidden",
        "Cookie": "hidden=1",
        "Referer": "http://hidden",
    }
    requests.get(f"http://{host}:{port}/healthz?token=hidden", headers=headers, timeout=20)
    eventually(lambda: len(said(tmp_path, "gunicorn.access")) == 1)  # each worker writes its lines after its responses
    refused = requests.post(f"http://{host}:{port}/auth/token?token=hidden", data="hidden", headers=headers, timeout=20)
    eventually(lambda: len(said(tmp_path, "gunicorn.access")) == 2)
    unknown = requests.get(f"http://{host}:{port}/a%0Ab%22?token=hidden", headers=headers, timeout=20)
    eventually(lambda: len(said(tmp_path, "gunicorn.access")) == 3)

    assert said(tmp_path, "gunicorn.access") == [
        ("mine", f"GET /healthz 200 15B from {PEER}"),
        ("mine", f"POST /auth/token 415 {len(refused.content)}B from {PEER}"),
        ("mine", f"GET /a%0Ab%22 404 {len(unknown.content)}B from {PEER}"),
    ]
    assert "hidden" not in (tmp_path / "gunicorn.log").read_text()


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"GET /x?token=hidden\r\n\r\n", "GET /x 400"),
        (b"GET /x HTTP/1.1\r\nAuthorization : Bearer hidden\r\n\r\n", "GET /x 400"),
        (b"POST /x HTTP/1.1\r\nCookie: hi\x00dden\r\n\r\n", "POST /x 400"),
        (b"GET /x HTTP/1.1\r\nA: b\r\n hidden's\r\n\r\n", "GET /x 400"),
        (b"hidden\r\n\r\n", "- - 400"),
    ],
)
def test_broken_request_is_not_quoted(address: tuple[str, int], tmp_path: Path, raw: bytes, line: str) -> None:
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(raw)
        head, _blank, body = client.makefile("rb").read().partition(b"\r\n\r\n")
    (request_id,) = re.findall("X-Request-ID: ([^\r]+)", head.decode())
    eventually(lambda: said(tmp_path, "gunicorn.access"))

    assert said(tmp_path, "gunicorn.access") == [(request_id, f"{line} {len(body)}B from {PEER}")]
    assert "hidden" not in (tmp_path / "gunicorn.log").read_text()
