"""The backend uses TLS, and refuses a server whose certificate the machine does not trust."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from notifications.backends.base import NotDelivered
from notifications.backends.pusher import PusherRealtime
from tests.contract import keys
from tests.contract.sending import broadcast

CHANNEL = "private-user@67ceabecc82b8fd6cf63d6d6"


class Taken(BaseHTTPRequestHandler):
    """Accepts every request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_message: object) -> None:
        pass


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 and its key into one file, and return its path."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in for Pusher")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return file


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    """The port of an HTTPS server with the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(("127.0.0.1", 0), Taken) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _send(host: str, port: int) -> None:
    backend = PusherRealtime(app_id=keys.PUSHER_APP_ID, key=keys.PUSHER_KEY, secret="s", host=host, port=port)
    broadcast(backend, [CHANNEL], "goal.added", "{}")


def test_pusher_is_trusted_if_the_system_trusts_it(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    _send("127.0.0.1", port)


def test_pusher_with_an_unknown_certificate_gets_nothing(port: int) -> None:
    with pytest.raises(NotDelivered, match="PEER_FAILED_VERIFICATION"):
        _send("127.0.0.1", port)


def test_pusher_under_another_name_gets_nothing(port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(NotDelivered, match="PEER_FAILED_VERIFICATION"):
        _send("localhost", port)
