"""If a host's clock is wrong, or is set while the product runs, shows start at their nbf by the database's clock."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from bson import ObjectId

from lab.bench.observers import watch_starts
from lab.bench.witness import Witness
from lab.wrong_clock import WrongClock
from tests.crash.members import ReplicaSet
from tests.crash.product import DATABASE, Product, product_on
from tests.ops.metrics import Scrape, read

pytestmark = [
    pytest.mark.crash,
    pytest.mark.long,
    pytest.mark.needs("gcc"),
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("mongod"),
]

logger = logging.getLogger(__name__)

HOUR = 3600.0
SHOWS = 20
DUE_IN_SECONDS = 12
# The clock is set this long before the shows are due.
SET_BEFORE_SECONDS = 3
# A busy machine may delay shows by this much. With a wrong clock, they would be an hour late.
LATE_SECONDS = 2.0
# By how many seconds a show may start early: first, while the host's clock drifts away from the database's; second,
# after the host's clock was set.
DRIFTED_SECONDS, SET_SECONDS = 0.6, 0.01
KNOWN_WITHIN_SECONDS = 10.0
CREDENTIALS = 2 * SHOWS

Fault = Callable[[WrongClock], None]


@pytest.fixture(scope="module")
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    one = ReplicaSet(tmp_path_factory.mktemp("mongodb"), members=1)
    try:
        one.start()
        yield one
    finally:
        one.stop()


def start_shows(product: Product, fault: Fault = lambda _clock: None, clock: WrongClock | None = None) -> list[float]:
    """Create shows, cause the fault shortly before they are due, and return by how many seconds each was late, sorted.

    This process and MongoDB have the same clock, which is right.
    """
    with Witness(watch_starts, mongodb_uri=product.stand_ins.mongodb_uri, database=DATABASE) as commits:
        nbf = int(time.time()) + DUE_IN_SECONDS
        shows = {show.goal_id for show in product.create(SHOWS, nbf=nbf)}
        wait_until(product, nbf - SET_BEFORE_SECONDS)
        if clock is not None:
            fault(clock)
        wait_until(product, nbf + 2)
        seen = [(goal_id, at - nbf) for goal_id, at in commits.ask() if goal_id in shows]
    assert sorted(goal_id for goal_id, _late in seen) == sorted(shows)
    return sorted(late for _goal_id, late in seen)


def wait_until(product: Product, moment: float) -> None:
    left = moment - time.time()
    assert left > 0, "the machine is too slow to create the shows in time"
    product.supervisor.wait(left)


def everybody_is_told(product: Product) -> bool:
    product.supervisor.wait(1.0)
    pusher = product.stand_ins.pusher
    return sum(event.name == "stream.authorized" for event in pusher.events) >= CREDENTIALS and not pusher.rejected


def scrape(product: Product) -> Scrape:
    return read(requests.get(f"{product.web.url}/metrics", timeout=5).text)


def by_clock(product: Product) -> dict[str, float]:
    return {clock: count for (clock,), count in scrape(product).of("clusters_by_clock").items() if count}


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_host_of_the_qcluster_is_wrong_from_the_beginning(mongodb: ReplicaSet, tmp_path: Path, seconds: float) -> None:
    clock = WrongClock(tmp_path / "clock")
    clock.set(seconds)
    with product_on(mongodb.uri, tmp_path, shows=SHOWS, of_cluster=clock.environment) as product:
        late = start_shows(product)
        logger.info("%+.0f s: latest start %.3f, earliest %.3f", seconds, late[-1], late[0])

        assert 0 <= late[0] <= late[-1] < LATE_SECONDS
        assert everybody_is_told(product)
        assert by_clock(product) == {"database": 1}
        (skew,) = scrape(product).of("clock_skew_seconds").values()
        assert skew == pytest.approx(-seconds, abs=0.1)
        log = product.cluster.log.read_text()
        assert log.count("this host's clock is wrong, the database's counts") == 1


@pytest.mark.parametrize(
    ("fault", "early"),
    [
        pytest.param(lambda clock: clock.set(HOUR), SET_SECONDS, id="ahead"),
        pytest.param(lambda clock: clock.set(-HOUR), SET_SECONDS, id="back"),
        pytest.param(lambda clock: clock.set(0, gain=0.05), DRIFTED_SECONDS, id="gains"),
        pytest.param(lambda clock: clock.set(0, gain=-0.05), DRIFTED_SECONDS, id="loses"),
    ],
)
def test_clock_of_a_qcluster_is_set_or_drifts(mongodb: ReplicaSet, tmp_path: Path, fault: Fault, early: float) -> None:
    clock = WrongClock(tmp_path / "clock")
    with product_on(mongodb.uri, tmp_path, shows=3 * SHOWS, of_cluster=clock.environment) as product:
        late = start_shows(product, fault, clock)
        later = start_shows(product)  # the clock is still wrong
        clock.set(0)
        logger.info("starts: %.3f to %.3f, then %.3f to %.3f", late[0], late[-1], later[0], later[-1])

        assert -early < late[0] <= late[-1] < LATE_SECONDS
        assert -early < later[0] <= later[-1] < LATE_SECONDS
        last = start_shows(product)
        assert 0 <= last[0] <= last[-1] < LATE_SECONDS
        product.supervisor.wait_for(
            lambda: by_clock(product) == {"host": 1}, "it is right", seconds=KNOWN_WITHIN_SECONDS
        )


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_host_of_the_web_server_is_wrong(mongodb: ReplicaSet, tmp_path: Path, seconds: float) -> None:
    clock = WrongClock(tmp_path / "clock")
    clock.set(seconds)
    with product_on(mongodb.uri, tmp_path, shows=SHOWS, of_web=clock.environment) as product:
        is_known = lambda: "web_clock_skew_seconds" in "".join(scrape(product).samples)  # noqa: E731
        product.supervisor.wait_for(is_known, "the clock was measured", seconds=KNOWN_WITHIN_SECONDS)
        late = start_shows(product)  # the streamers' tokens come from seed_demo, whose clock is right
        streamer = product.created[0].seed["streamer"]
        pair = requests.post(
            f"{product.web.url}/auth/token",
            json={"username": streamer["username"], "password": streamer["password"]},
            timeout=5,
        ).json()
        claims: dict[str, Any] = jwt.decode(pair["access"], options={"verify_signature": False})

        assert 0 <= late[0] <= late[-1] < LATE_SECONDS
        assert everybody_is_told(product)
        assert abs(claims["iat"] - time.time()) < 5
        made = [ObjectId(show.goal_id).generation_time.timestamp() for show in product.created]
        assert max(abs(at - time.time()) for at in made) < 60
