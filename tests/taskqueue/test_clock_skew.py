"""A qcluster measures which clock it can trust, and claims nothing while it trusts none."""

import time
from collections.abc import Iterable, Iterator

import pytest

from config import clock
from taskqueue.broker import PreciseBroker
from taskqueue.clock_skew import ClockWatch, CountingClock, Measurement, counting
from taskqueue.worker import STOP, ClaimedTasks
from tests.taskqueue.clusters import messages
from tests.taskqueue.tasks import note

HOST, DATABASE, NONE = CountingClock.HOST, CountingClock.DATABASE, CountingClock.NONE


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    clock.forget()


def decisions(skews: Iterable[float], *, uncertainty: float = 0.001) -> list[CountingClock]:
    """Return which clock counts after each look, if the database's clock is measured to be ahead by these skews."""
    measured = [Measurement(time.time() + skew - clock.steady_seconds(), uncertainty) for skew in skews]
    left = iter(measured)
    watch, found = ClockWatch(lambda: next(left)), []
    for _look in measured[2:]:  # the first look takes three measurements
        watch.look()
        found.append(counting())
    return found


@pytest.mark.parametrize(
    ("skews", "expected"),
    [
        pytest.param([0, 0, 0], [HOST], id="right"),
        pytest.param([0.4, -0.4, 0.4], [HOST], id="not quite right"),
        pytest.param([9, 9, 9], [DATABASE], id="wrong from the beginning"),
        pytest.param([0, 0, 0, 9, 9, 9, 9], [HOST, NONE, NONE, DATABASE, DATABASE], id="the database is set"),
        pytest.param([0, 0, 0, 9, 0], [HOST, NONE, HOST], id="one wrong measurement"),
        pytest.param([9, 9, 9, 0, 9], [DATABASE, HOST, NONE], id="set and set back"),
        pytest.param([9, 9.1, 9.2, 9.3, 9.4], [DATABASE] * 3, id="the host's drifts"),
        pytest.param([9, 19, 29, 39, 49, 49, 49], [NONE] * 4 + [DATABASE], id="the database's is not steady"),
    ],
)
def test_three_measurements_in_a_row_convict_the_host(skews: list[float], expected: list[CountingClock]) -> None:
    assert decisions(skews) == expected


def test_measurements_over_a_slow_network_agree_if_they_can() -> None:
    assert decisions([9, 9.9, 9], uncertainty=0.4) == [DATABASE]


@pytest.mark.django_db
def test_database_is_measured() -> None:
    """The database's server runs on this host, so both have the same clock."""
    ClockWatch().look()

    assert abs(clock.skew_seconds()) < 0.1
    assert counting() is HOST


@pytest.mark.django_db
def test_worker_claims_nothing_while_the_clock_is_in_doubt() -> None:
    worker = ClaimedTasks(PreciseBroker(), run_once=True)
    note.enqueue("a")
    clock.doubt()
    assert (worker.get(), "owner" in messages()[0]) == (STOP, False)

    clock.set_lead(time.time() - clock.steady_seconds())
    task = worker.get()
    assert isinstance(task, dict)
    assert task["args"] == ("a",)
