"""*A restart of MongoDB* of docs/handbook.md."""

import pytest

from tests.handbook.house import MEMBERS, House
from tests.handbook.page import blocks
from tests.handbook.visitors import Visitors

pytestmark = [
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.needs("curl"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("handbook"),
]

# The page says: "Shows that were due start within 3 s of the new primary".
STARTS_WITHIN_SECONDS = 3.0


def test_members_are_restarted_one_after_another(house: House) -> None:
    ask, secondaries, primary = blocks("A restart of MongoDB")
    seeds = house.seeds(2)
    former = house.host("db1").name
    pids = {name: house.hosts[name].services.pid("mongod") for name in MEMBERS}
    path, token = f"/sessions/{seeds[0]['session_id']}", seeds[0]["streamer"]["access"]

    (named,) = house.run(ask)
    with Visitors(house, path, token) as of_secondaries:
        shows = [house.create_show(seeds[0], seconds=4)]
        for name in secondaries.hosts:
            house.tell(name, secondaries.text)
            house.await_health()
    with Visitors(house, path, token) as of_primary:
        shows.append(house.create_show(seeds[1], seconds=2))
        house.run(primary)
        late = [house.lateness(show) for show in shows]
    house.await_health()
    house.name_members()

    assert named == f"127.0.0.1:{house.hosts[former].port}\n"
    assert set(of_secondaries.answers) == {200}, of_secondaries.answers
    assert set(of_primary.answers) <= {200, 503}, of_primary.answers
    assert late[0] < 1.0
    assert late[1] < STARTS_WITHIN_SECONDS
    assert house.host("db1").name != former
    assert not set(pids.values()) & {house.hosts[name].services.pid("mongod") for name in MEMBERS}
