"""Sends raw HTTP requests that no client library would send, and reads the responses."""

import json
import re
import socket
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Answer:
    """A response, read until the server has closed the connection."""

    status: int
    headers: dict[str, str]  # by lower-case name
    body: bytes

    def json(self) -> Any:
        """Return the body parsed as JSON. A chunked body must consist of one chunk."""
        if self.headers.get("transfer-encoding") == "chunked":
            _size, _newline, chunk = self.body.partition(b"\r\n")
            return json.loads(chunk.rpartition(b"\r\n0\r\n")[0])
        return json.loads(self.body)


def statuses(port: int, data: bytes) -> list[int]:
    """Send the bytes unchanged, and return the status of each response until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(data)
        with connection.makefile("rb") as answers:
            return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answers.read())]


def send(port: int, request_line: bytes, headers: list[bytes], body: bytes = b"") -> Answer:
    """Send the request with the header `Connection: close` added, and return the response."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(b"\r\n".join([request_line, *headers, b"Connection: close", b"", body]))
        with connection.makefile("rb") as answer:
            head, _blank, content = answer.read().partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    named = (line.partition(":") for line in lines)
    return Answer(
        int(status_line.split(" ")[1]), {name.lower(): value.strip() for name, _colon, value in named}, content
    )
