"""*First set-up* of docs/handbook.md: three members, Redis, and the product on two hosts."""

import stat

import pytest

from tests.handbook.house import APPS, House
from tests.handbook.page import blocks

pytestmark = [
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.needs("curl"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("handbook"),
]


def test_product_that_was_set_up_by_the_page_is_well_and_starts_shows(house: House) -> None:
    *_steps, ask = blocks("The product")

    (doctor,) = house.run(ask)
    show = house.create_show(house.seeds(1)[0], seconds=2)

    assert [line for line in doctor.splitlines() if not line.startswith("ok ")] == []
    assert "members of the replica set: 3." in doctor
    assert house.checked.startswith("System check identified no issues")
    assert [stat.S_IMODE(house.hosts[name].path("/etc/showgoals.env").stat().st_mode) for name in APPS] == [0o600] * 2
    assert house.lateness(show) < 1.0
