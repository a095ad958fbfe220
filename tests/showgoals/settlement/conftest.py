"""Funding goals that have closed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from goals.suspects import Suspects
from goals.suspects import suspects as suspects_of_this_process
from goals.tasks import deactivate_goal
from sessions_app.models import Session
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory
from tests.factories.moments import WHOLE

Close = Callable[..., Goal]


@pytest.fixture(autouse=True)
def suspects() -> Iterator[Suspects]:
    """Return the goals that this process skips. They are cleared before and after the test."""
    suspects_of_this_process.clear()
    yield suspects_of_this_process
    suspects_of_this_process.clear()


@pytest.fixture
def close(clock: Traveller, session: Session, viewer: User) -> Close:
    """Return a function that makes a funding goal, lets the viewer pay 5 for it, and closes it now."""

    def close_one(**fields: Any) -> Goal:
        goal = ShowFundingGoalFactory(session=session, exp=WHOLE, **fields)
        ContributionFactory(funding_goal=goal, viewer=viewer)
        assert deactivate_goal(str(goal.pk), int(WHOLE.timestamp())) == "ended"
        return Goal.objects.get(pk=goal.pk)

    return close_one


@pytest.fixture
def waiting(close: Close) -> Goal:
    """A funding goal that closed at WHOLE, and lapses 60 seconds later. The viewer has paid 5."""
    return close(hesitation_countdown=60)
