"""The funding goal of a session, open or closed, and the body that creates its show."""

import pytest
import time_machine
from django.contrib.auth.models import User

from goals.models import Goal
from sessions_app.models import Session
from tests.factories.bodies import Body, show_body
from tests.factories.goals import ShowFundingGoalFactory


@pytest.fixture
def open_goal(session: Session) -> Goal:
    """A funding goal that accepts contributions."""
    goal: Goal = ShowFundingGoalFactory(session=session)
    return goal


@pytest.fixture
def closed_goal(session: Session) -> Goal:
    """A funding goal that is ready for its show."""
    goal: Goal = ShowFundingGoalFactory(session=session, closed=True)
    return goal


@pytest.fixture
def body(closed_goal: Goal) -> Body:
    """A valid body for a show."""
    return show_body(closed_goal)


@pytest.fixture
def paid_goal(clock: time_machine.Traveller, session: Session, viewer: User) -> Goal:
    """A funding goal that closed an hour ago; the viewer has paid 5."""
    goal: Goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    return goal
