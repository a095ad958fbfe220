"""A session's funding goal, open or closed, and the body that makes a show of it."""

import pytest

from goals.models import Goal
from sessions_app.models import Session
from tests.factories.bodies import Body, show_body
from tests.factories.goals import ShowFundingGoalFactory


@pytest.fixture
def open_goal(session: Session) -> Goal:
    """A funding goal that takes contributions."""
    goal: Goal = ShowFundingGoalFactory(session=session)
    return goal


@pytest.fixture
def closed_goal(session: Session) -> Goal:
    """A funding goal that is ready for its show."""
    goal: Goal = ShowFundingGoalFactory(session=session, closed=True)
    return goal


@pytest.fixture
def body(closed_goal: Goal) -> Body:
    """A good body for a show."""
    return show_body(closed_goal)
