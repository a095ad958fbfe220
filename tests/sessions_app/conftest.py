"""A show that has started, with the clock stopped at its start, and a stand-in for BytePlus that records it."""

from collections.abc import Iterator

import pytest
import time_machine
from django.contrib.auth.models import User
from pytest_django import Settings

from goals.models import Goal
from goals.tasks import activate_goal
from lab.loopback.byteplus import BytePlusLoopback
from sessions_app.models import Session
from tests.contract import keys
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import SECONDS, WHOLE

SHOW_SECONDS = 600


@pytest.fixture
def show(clock: time_machine.Traveller, session: Session, viewer: User) -> Goal:
    """A show of SHOW_SECONDS that started at WHOLE. One viewer has paid."""
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    goal: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=WHOLE, target_seconds=SHOW_SECONDS)
    assert activate_goal(str(goal.pk), SECONDS) == "started"
    return goal


@pytest.fixture
def vendor(settings: Settings) -> Iterator[BytePlusLoopback]:
    """The stand-in for BytePlus that the tasks call."""
    with BytePlusLoopback(
        app_id=keys.BYTEPLUS_APP_ID, access_key=keys.BYTEPLUS_ACCESS_KEY, secret_key=keys.BYTEPLUS_SECRET_KEY
    ) as server:
        options = {
            "app_id": server.app_id,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
            "host": server.address,
            "scheme": "http",
            "region": server.region,
            "version": server.version,
            "storage": keys.STORAGE,
            "timeout_seconds": keys.TIMEOUT_SECONDS,
        }
        settings.RTC = {"BACKEND": "sessions_app.rtc.byteplus.BytePlusRTC", "OPTIONS": options}
        yield server


@pytest.fixture
def impatient(vendor: BytePlusLoopback, settings: Settings) -> None:
    """Let the real backend soon give up a call that hangs."""
    options = {**settings.RTC["OPTIONS"], "timeout_seconds": keys.SHORT_SECONDS}
    settings.RTC = {**settings.RTC, "OPTIONS": options}
