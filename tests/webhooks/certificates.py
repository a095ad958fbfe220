"""Partners' servers, with certificates of an authority that was made for the test."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.webhooks.partner import Handler, Partner, Server

NAME = "partner"


@contextmanager
def running_with_tls(directory: Path, *, valid_until: datetime, address: str = "127.0.0.1") -> Iterator[Partner]:
    """Run a server on 127.0.0.1 with a certificate for the address, issued by the authority in `directory/ca.pem`."""
    certificate = _write(directory, valid_until, address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    partner = Partner()
    with Server(("127.0.0.1", 0), Handler) as server:
        server.partner = partner
        server.socket = context.wrap_socket(server.socket, server_side=True)
        partner.host = f"127.0.0.1:{server.server_port}"
        partner.url = f"https://{partner.host}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield partner
        server.shutdown()


def _write(directory: Path, valid_until: datetime, address: str) -> Path:
    """Write the certificate of an authority, and a file with a key and its certificate. Return that file's path."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _name("authority of the test"), _name(NAME)
    authority = (
        _certificate(issuer, issuer, authority_key, datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    certificate = (
        _certificate(subject, issuer, key, valid_until)
        .add_extension(alternative, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / "ca.pem").write_bytes(authority.public_bytes(pem))
    path = directory / "partner.pem"
    path.write_bytes(plain + certificate.public_bytes(pem))
    return path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid_until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=30))
        .not_valid_after(valid_until)
    )
