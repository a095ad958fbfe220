"""The HTTP layer of the loopback servers: keep-alive, no Nagle delay, and connections that break in several ways."""

import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from socketserver import StreamRequestHandler
from threading import Event, Lock
from typing import Any

from lab.loopback.exchange import Answer, LoopbackRequest
from lab.loopback.faults import Failure, Fault

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_LINE_BYTES = 65_536
REQUEST_LINE_PARTS = 3
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # linger on, zero seconds


class LoopbackHTTPServer(ThreadingHTTPServer):
    """Passes each request to `respond`, and keeps track of open connections in order to close them."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], respond: Callable[[LoopbackRequest], Answer | Fault]) -> None:
        self.respond = respond
        self.stopping = Event()
        self.accepted = 0
        self._connections: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(address, _Handler)

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def stop(self) -> None:
        """Stop listening. End the connections that clients keep alive, so that their threads end, too."""
        self.stopping.set()
        self.shutdown()
        with self._lock:
            for connection in self._connections:
                _end(connection)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, then serve it in a thread of its own."""
        with self._lock:
            self.accepted += 1
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report only our own errors, because clients may close connections at any time."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(StreamRequestHandler):
    """Serves one connection. Werkzeug's server, which uses `http.server`, would take 13 times as much CPU time."""

    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    server: LoopbackHTTPServer

    def handle(self) -> None:
        """Serve the connection's requests until either side ends it."""
        self.is_open = True
        while self.is_open and (request := self._read()):
            outcome = self.server.respond(request)
            if isinstance(outcome, Answer):
                self._send(outcome)
            else:
                self._fail(outcome)

    def _read(self) -> LoopbackRequest | None:
        line = self.rfile.readline(MAX_LINE_BYTES).decode("latin-1").split()
        if len(line) != REQUEST_LINE_PARTS:
            return None
        headers: dict[str, str] = {}
        while name_and_value := self.rfile.readline(MAX_LINE_BYTES).decode("latin-1").strip():
            name, _colon, value = name_and_value.partition(":")
            headers[name.lower()] = value.strip()
        self.is_open = headers.get("connection", "").lower() != "close"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self._send(Answer(413, b""))
            return None
        method, target, _version = line
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the client has ended the connection before it sent the whole request
            return None
        return LoopbackRequest(method=method, target=target, headers=headers, body=body, at=time.time())

    def _send(self, answer: Answer, *, claimed_length: int | None = None) -> None:
        head = (
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\nContent-Type: {answer.content_type}\r\n"
            f"Content-Length: {claimed_length or len(answer.body)}\r\n"
        )
        more = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        self.wfile.write(f"{head}{more}\r\n".encode("latin-1") + answer.body)
        self.wfile.flush()

    def _fail(self, fault: Fault) -> None:
        if fault.failure is Failure.STATUS:
            self._send(Answer(fault.status, fault.body))
            return
        self.is_open = False
        if fault.failure is Failure.HANG:
            self.server.stopping.wait(fault.seconds)
        elif fault.failure is Failure.TRUNCATED:
            self._send(Answer(200, b'{"half":'), claimed_length=100)
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            os.close(self.connection.detach())


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # the client may have closed it already
        connection.shutdown(socket.SHUT_RDWR)
