"""*A new SECRET_KEY* of docs/handbook.md."""

from typing import Any

import pytest

from tests.handbook.house import House
from tests.handbook.page import blocks
from tests.handbook.visitors import Visitors

pytestmark = [
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.needs("curl"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("handbook"),
]


def sign_in(house: House, streamer: dict[str, str]) -> str:
    """Sign the streamer in, and return the access token."""
    name_and_password = {"username": streamer["username"], "password": streamer["password"]}
    answer = house.call("POST", "/auth/token", name_and_password)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access"]
    return token


def take_into_use(house: House) -> None:
    """Copy the file of settings to app2, and do a rolling restart."""
    house.copy_settings()
    house.rolling_restart()


def status(house: House, seed: dict[str, Any], token: str) -> int:
    code: int = house.call("GET", f"/sessions/{seed['session_id']}", token=token).status_code
    return code


def test_new_key_signs_nobody_out_and_loses_no_message(house: House) -> None:
    add, swap, remove = blocks("A new SECRET_KEY")
    seeds = house.seeds(2)
    seed, before = seeds[0], house.settings()["SECRET_KEY"]
    signed_before = seed["streamer"]["access"]

    with Visitors(house, f"/sessions/{seed['session_id']}", signed_before) as visitors:
        house.run(add)
        take_into_use(house)
        # The show is due while the two keys change places.
        queued_before = house.create_show(seed, seconds=25)
        house.run(swap)
        take_into_use(house)
    assert house.settings()["SECRET_KEY_FALLBACKS"] == before
    assert house.settings()["SECRET_KEY"] != before
    signed_since = sign_in(house, seed["streamer"])
    statuses = [status(house, seed, token) for token in (signed_before, signed_since)]
    late = house.lateness(queued_before)
    house.run(remove)
    take_into_use(house)

    assert set(visitors.answers) == {200}, visitors.answers
    assert statuses == [200, 200]
    assert [status(house, seed, token) for token in (signed_before, signed_since)] == [401, 200]
    assert late < 1.0
    assert "SECRET_KEY_FALLBACKS" not in house.settings()
    assert house.doctor() == []
