"""A partner's server on loopback. Each of its paths behaves differently, and some are hostile."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


@dataclass
class Partner:
    """A server, and the path, headers and body of each call that it got. `/wait` answers once `may_answer` is set."""

    url: str = ""
    host: str = ""
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    may_answer: Event = field(default_factory=Event)

    def events(self, path: str = "/ok") -> list[dict[str, Any]]:
        """Return the bodies that were posted to the path."""
        return [json.loads(body) for called, _headers, body in self.calls if called == path]


def is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Verify a call as the Standard Webhooks specification says, without the product's code."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")


class Handler(BaseHTTPRequestHandler):
    """Calls the method that the path names."""

    server: "Server"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.partner.calls.append((self.path, headers, body))
        try:
            getattr(self, self.path.split("/")[1].partition("?")[0])()
        except OSError:  # the product has hung up
            self.close_connection = True

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def ok(self) -> None:
        self.answer(200, b"thanks")

    def status(self) -> None:
        self.answer(int(self.path.rpartition("/")[2]), b"no")

    def hang(self) -> None:
        time.sleep(4)

    def wait(self) -> None:
        self.server.partner.may_answer.wait(60)
        self.answer(200)

    def pause(self) -> None:
        time.sleep(0.4)
        self.answer(200)

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        for _ in range(40):
            self.wfile.write(b"x")
            time.sleep(0.1)

    def gigabytes(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**10))
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 65536)

    def bomb(self) -> None:
        self.answer(200, b"\x1f\x8b" + b"x" * 500, Content_Encoding="gzip")

    def redirect(self) -> None:
        self.answer(302, Location="/ok")

    def log_message(self, *_message: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """The partner's server."""

    partner: Partner
    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, *_request: object) -> None:
        pass


@contextmanager
def running_partner() -> Iterator[Partner]:
    """Run the server inside the block. `/status/N` returns the status N."""
    partner = Partner()

    with Server(("127.0.0.1", 0), Handler) as server:
        server.partner = partner
        partner.host = f"127.0.0.1:{server.server_port}"
        partner.url = f"http://{partner.host}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield partner
        server.shutdown()
