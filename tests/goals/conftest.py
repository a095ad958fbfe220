"""A show of one minute, before and after its start."""

from collections.abc import Iterator

import pytest
import time_machine
from django.contrib.auth.models import User

from goals.models import Goal
from goals.suspects import Suspects
from goals.suspects import suspects as suspects_of_this_process
from goals.tasks import activate_goal
from sessions_app.models import Session
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import WHOLE


@pytest.fixture(autouse=True)
def suspects() -> Iterator[Suspects]:
    """Return the goals that this process skips. They are cleared before and after the test."""
    suspects_of_this_process.clear()
    yield suspects_of_this_process
    suspects_of_this_process.clear()


@pytest.fixture
def show(clock: time_machine.Traveller, session: Session, viewer: User) -> Goal:
    """A show of 60 seconds that starts an hour after NOW. One viewer has paid."""
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    goal: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=WHOLE + HOUR)
    return goal


@pytest.fixture
def live(show: Goal, clock: time_machine.Traveller) -> Goal:
    """The show, after it has started on time."""
    clock.move_to(show.starts_at)
    activate_goal(str(show.pk), int(show.starts_at.timestamp()))
    return show
