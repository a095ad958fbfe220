"""Random evenings: at the end of each, all clients know what is true, and all payers of live shows are let in."""

import logging
import os
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from pymongo import monitoring

from config.ports import load_port
from tests.evenings.cast import hire
from tests.evenings.evening import Evening
from tests.evenings.faults import Failpoint
from tests.evenings.opening import make
from tests.evenings.reading import READING
from tests.evenings.stage import STAGE
from tests.factories.documents import connection
from tests.factories.moments import WHOLE

SECONDS, LONG_SECONDS = 20.0, 600.0
# The number of evenings of `make evenings`, however long they take.
EVENINGS = int(os.environ.get("EVENINGS", "0"))
# The seed of the first evening. Without it, `make evenings` holds new evenings, and the tests use FIRST_SEED.
SEED = int(os.environ.get("EVENINGS_SEED", "0"))
FIRST_SEED = {SECONDS: 1, LONG_SECONDS: 1001}
# A test holds no more evenings than this, even on a fast machine.
MOST = {SECONDS: 50, LONG_SECONDS: 350}
AT_ONCE = 25
STEPS = 12

monitoring.register(READING)
monitoring.register(STAGE)

EVENING_SETTINGS = settings(
    max_examples=AT_ONCE,
    stateful_step_count=STEPS,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],  # a slow machine is not a fault of the product
    # If shrinking is off, a failure is reported at once, but not as the shortest evening that fails.
    phases=[Phase.generate] if os.environ.get("SHRINK") == "off" else tuple(Phase),
)


@pytest.fixture
def _stage(db: None, settings: Any) -> Iterator[None]:
    settings.REALTIME = {"BACKEND": "tests.evenings.pusher.MoodyPusher"}
    settings.PUSHER = {**settings.PUSHER, "key": "key", "secret": "secret"}
    load_port.cache_clear()
    connection.close_pool()  # the next pool sends its commands to STAGE
    with time_machine.travel(WHOLE, tick=False):  # a token is not valid before it is issued
        Evening.cast = hire()
    Evening.opening = make(Evening.cast)
    Evening.failpoint = Failpoint()
    logging.disable()  # nobody needs the log of a hundred evenings
    yield
    Evening.failpoint.close()
    logging.disable(logging.NOTSET)
    load_port.cache_clear()


@pytest.mark.slow
@pytest.mark.timeout(0)  # the test limits its own time, and shrinking a failure takes minutes
@pytest.mark.usefixtures("_stage")
@pytest.mark.parametrize("seconds", [SECONDS, pytest.param(LONG_SECONDS, marks=pytest.mark.long)])
def test_everybody_knows_what_is_true_and_who_paid_is_in(seconds: float) -> None:
    began = time.monotonic()
    first_seed = SEED or FIRST_SEED[seconds]
    for turn in count():
        if Evening.held >= (EVENINGS or MOST[seconds]) or (not EVENINGS and time.monotonic() - began >= seconds):
            return
        try:
            # The evenings are always the same, so that no run fails by chance. `make evenings` holds new ones.
            machine = Evening if EVENINGS and not SEED else seed(first_seed + turn)(Evening)
            run_state_machine_as_test(machine, settings=EVENING_SETTINGS)
        except BaseException:
            print(f"evening {Evening.failed} failed")  # noqa: T201 - for tests.planted
            raise
        if EVENINGS:
            print(f"{Evening.held} evenings, {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201 - `make evenings`
