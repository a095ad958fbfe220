"""Random evenings: at the end of each, everybody knows what is true, and everybody who paid is in."""

import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from pymongo import monitoring

from config.ports import load_port
from tests.evenings.cast import hire
from tests.evenings.evening import Evening
from tests.evenings.opening import make
from tests.evenings.stage import STAGE
from tests.factories.documents import connection
from tests.factories.moments import WHOLE

EVENINGS = int(os.environ.get("EVENINGS", "100"))
STEPS = 12

monitoring.register(STAGE)


@pytest.fixture
def _stage(db: None, settings: Any) -> Iterator[None]:
    settings.REALTIME = {"BACKEND": "tests.evenings.pusher.MoodyPusher"}
    load_port.cache_clear()
    connection.close_pool()  # the next one has the listener
    with time_machine.travel(WHOLE, tick=False):  # a token is not good before it was issued
        Evening.cast = hire()
    Evening.opening = make(Evening.cast)
    logging.disable()  # the log of a hundred evenings helps nobody
    yield
    logging.disable(logging.NOTSET)
    load_port.cache_clear()


@pytest.mark.timeout(0)
@pytest.mark.usefixtures("_stage")
def test_everybody_knows_what_is_true_and_who_paid_is_in() -> None:
    run_state_machine_as_test(
        Evening,
        settings=settings(
            max_examples=EVENINGS,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            phases=[Phase.generate] if os.environ.get("NOSHRINK") else tuple(Phase),
            database=None,
        ),
    )
