"""The product uses the host's clock, unless the database's clock differs by more than half a second."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from config import clock
from tests.environment import ROOT

WITHOUT_CLOCK = {"lab", "tests"}
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")} - WITHOUT_CLOCK
OTHER_CLOCK = re.compile(r"datetime\.now\(|timezone\.now|utcnow|time\.time\b|time_ns\(")
# The module of the clock itself, and the file cache, which compares only times of the same host.
MAY_READ = {"config/clock.py", "config/file_cache.py"}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    clock.forget()


def lead(skew: float) -> float:
    """Return what to pass to `set_lead` if the database's clock is `skew` seconds ahead of this host's."""
    return time.time() + skew - clock.steady_seconds()


def skew_of_now() -> float:
    """Return how many seconds the product's clock is ahead of this host's, rounded to a tenth."""
    assert abs(clock.now().timestamp() - clock.timestamp()) < 0.1
    return round(clock.timestamp() - time.time(), 1)


def test_host_counts_while_nothing_is_known() -> None:
    assert (skew_of_now(), clock.is_host_right(), clock.is_in_doubt()) == (0, True, False)


@pytest.mark.parametrize(("skew", "counts"), [(0.4, 0), (-0.4, 0), (0.6, 0.6), (-0.6, -0.6), (3600, 3600)])
def test_database_counts_if_the_clocks_differ_by_more_than_half_a_second(skew: float, counts: float) -> None:
    clock.set_lead(lead(skew))

    assert (skew_of_now(), clock.is_host_right()) == (counts, counts == 0)


def test_measurement_that_may_be_wrong_does_not_convict_the_host() -> None:
    clock.set_lead(lead(0.8), uncertainty=0.4)

    assert skew_of_now() == 0


def test_host_counts_again_when_it_has_come_near() -> None:
    """If the host's clock is wrong by about half a second, the time does not jump back and forth."""
    for skew, counts in [(0.6, 0.6), (0.4, 0.4), (0.3, 0.3), (0.2, 0), (0.4, 0)]:
        clock.set_lead(lead(skew))
        assert skew_of_now() == counts


@pytest.mark.parametrize("hours", [1, -1])
def test_host_that_is_set_does_not_change_the_time(hours: int) -> None:
    clock.set_lead(lead(0))
    was = clock.now()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)):
        assert abs(clock.now() - was) < timedelta(seconds=1)
        assert abs(clock.timestamp() - was.timestamp()) < 1
    assert clock.is_host_right()


def test_doubt_ends_with_the_next_lead() -> None:
    clock.doubt()
    assert clock.is_in_doubt()
    clock.set_lead(lead(0))
    assert not clock.is_in_doubt()


def test_product_reads_no_other_clock() -> None:
    """If the product read another clock, a host whose clock is wrong would start shows at the wrong time."""
    sources = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in str(path)]
    reading = {str(path.relative_to(ROOT)) for path in sources if OTHER_CLOCK.search(path.read_text())}

    assert reading == MAY_READ
