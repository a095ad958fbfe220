"""The HTTP layer of the loopback servers: keep-alive, no Nagle delay, and the ways in which a connection can break."""

import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from typing import Any

from ops.loopback.exchange import Answer, LoopbackRequest
from ops.loopback.faults import Failure, Fault

MAX_BODY_BYTES = 4 * 1024 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # linger on, zero seconds


class LoopbackHTTPServer(ThreadingHTTPServer):
    """Hands every request to `respond`; knows its open connections, so that it can close them."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], respond: Callable[[LoopbackRequest], Answer | Fault]) -> None:
        self.respond = respond
        self.stopping = Event()
        self._connections: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(address, _Handler)

    def stop(self) -> None:
        """Stop listening and end the connections that clients keep alive; their threads then end by themselves."""
        self.stopping.set()
        self.shutdown()
        with self._lock:
            for connection in self._connections:
                _end(connection)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, then serve it in its own thread."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors of ours only; clients may go away at any time."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    server: LoopbackHTTPServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_message: object) -> None:
        """Say nothing: the target holds signatures."""

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(Answer(413, b""))
            return
        request = LoopbackRequest(
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
            at=time.time(),
        )
        outcome = self.server.respond(request)
        if isinstance(outcome, Answer):
            self._send(outcome)
        else:
            self._fail(outcome)

    def _send(self, answer: Answer, *, claimed_length: int | None = None) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(claimed_length or len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _fail(self, fault: Fault) -> None:
        if fault.failure is Failure.STATUS:
            self._send(Answer(fault.status, fault.body))
            return
        self.close_connection = True
        if fault.failure is Failure.HANG:
            self.server.stopping.wait(fault.seconds)
        elif fault.failure is Failure.TRUNCATED:
            self._send(Answer(200, b'{"half":'), claimed_length=100)
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            os.close(self.connection.detach())


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # the client may have been quicker
        connection.shutdown(socket.SHUT_RDWR)
