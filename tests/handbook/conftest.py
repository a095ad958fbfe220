"""The hosts of docs/handbook.md, which the tests of this directory share."""

from collections.abc import Iterator

import pytest

from tests.handbook.first_set_up import run_house
from tests.handbook.house import House


@pytest.fixture(scope="session")
def hosts() -> Iterator[House]:
    """The hosts after their first set-up, which is the first procedure of the handbook."""
    with run_house() as house:
        yield house


@pytest.fixture
def house(hosts: House) -> House:
    """The same hosts. db1 is the primary, and nothing is wrong."""
    hosts.name_members()
    hosts.await_health()
    return hosts
