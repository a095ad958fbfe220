"""Servers that flood, redirect, or lead into our own network."""

import time

import pytest

from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.goals import ShowFundingGoalFactory
from tests.webhooks.endpoints import add, attempts
from tests.webhooks.partner import Partner
from webhooks.outgoing import Outgoing, is_public, send
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

    assert time.monotonic() - began < 1
    ((_type, number, status, error, answer),) = attempts(staff, endpoint)
    assert (number, error, status, len(answer)) == (1, "", *expected)
    assert len(partner.calls) == 1


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "2130706433"],
)
def test_private_address_is_refused_when_connecting(host: str) -> None:
    """Whatever the name was checked for before: what counts is the address to which the socket would connect."""
    returned = send([Outgoing("x", f"https://{host}/", [], b"{}")], seconds=1, begin_within=1)

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
