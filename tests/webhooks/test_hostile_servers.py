"""Responses that flood or redirect are cut off, and addresses in our own network are refused."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pycurl
import pytest

from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.goals import ShowFundingGoalFactory
from tests.webhooks.certificates import running_with_tls
from tests.webhooks.endpoints import add, attempts
from tests.webhooks.partner import Partner
from webhooks.outgoing import Exchange, Outgoing, exchange, is_public, send
from webhooks.tasks import publish_events

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "expected"),
    [("gigabytes", (200, 1000)), ("bomb", (200, 502)), ("redirect", (302, 0)), ("status/500", (500, 2))],
)
def test_hostile_answer_is_cut_off_and_not_followed(
    staff: ApiClient, partner: Partner, session: Session, path: str, expected: tuple[int, int]
) -> None:
    endpoint = add(staff, f"{partner.url}/{path}", types=["goal.added"])
    ShowFundingGoalFactory(session=session)
    began = time.monotonic()

    publish_events()

    assert time.monotonic() - began < 20
    ((_type, number, status, error, answer),) = attempts(staff, endpoint)
    assert (number, error, status, len(answer)) == (1, "", *expected)
    assert len(partner.calls) == 1


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "2130706433"],
)
def test_private_address_is_refused_when_connecting(host: str) -> None:
    """Only the address to which the socket would connect counts, however the URL writes it."""
    returned = send([Outgoing("x", f"https://{host}/", [], b"{}")], seconds=60, begin_within=60)

    assert {place: (each.status, each.is_success) for place, each in returned.items()} == {0: (None, False)}
    assert returned[0].error == "address_refused"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("2002:a00:1::", False),
    ],
)
def test_public_addresses_are_told_from_others(address: str, expected: bool) -> None:  # noqa: FBT001
    assert is_public(address) is expected


@pytest.mark.parametrize(
    ("days", "address", "expected"),
    [
        (1, "127.0.0.1", (200, "")),
        (-1, "127.0.0.1", (None, "PEER_FAILED_VERIFICATION")),  # an expired certificate
        (1, "127.0.0.2", (None, "PEER_FAILED_VERIFICATION")),  # the certificate of another server
    ],
)
def test_certificate_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, address: str, expected: tuple[int | None, str]
) -> None:
    with running_with_tls(tmp_path, valid_until=datetime.now(UTC) + timedelta(days=days), address=address) as partner:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        monkeypatch.setattr("webhooks.outgoing._spare", [])  # other tests' connections do not trust the authority
        call = Outgoing("x", f"{partner.url}/ok", ["Expect:"], b"{}", may_be_private=True)

        returned = send([call], seconds=60, begin_within=60)[0]

    assert (returned.status, returned.error, len(partner.calls)) == (*expected, int(expected[0] == 200))


def test_name_that_has_another_address_by_then_is_refused(partner: Partner) -> None:
    """The name leads to a public address at the first call, and to our own host at the second call."""
    port = int(partner.host.rpartition(":")[2])
    called = Outgoing("x", f"https://rebinding.example.com:{port}/ok", ["Expect:"], b"{}")
    errors = []
    for address, seconds in (("192.88.99.1", 0.3), ("127.0.0.1", 60)):  # nothing answers at the first address
        with exchange() as lines:
            resolve_as(lines, called.url, f"-rebinding.example.com:{port}")
            resolve_as(lines, called.url, f"rebinding.example.com:{port}:{address}")
        errors.append(send([called], seconds=seconds, begin_within=60)[0].error)

    assert errors[0] != "address_refused"
    assert (errors[1], partner.calls) == ("address_refused", [])


def resolve_as(lines: Exchange, url: str, entry: str) -> None:
    """Add the entry to the addresses that the exchange has looked up, as the response of a name server would."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.RESOLVE, [entry])
    curl.setopt(pycurl.OPENSOCKETFUNCTION, lambda _purpose, _address: pycurl.SOCKET_BAD)
    lines._multi.add_handle(curl)
    lines._multi.perform()
    lines._multi.remove_handle(curl)
