"""A show and a funding goal for which a viewer has paid."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.contrib.auth.models import User

from goals.models import Goal
from goals.tasks import activate_goal
from sessions_app.models import Session
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory

NBF = datetime(2026, 3, 1, 20, 15, 37, tzinfo=UTC)


@pytest.fixture
def show(clock: time_machine.Traveller, session: Session, viewer: User) -> Goal:
    """A scheduled show, eight hours ahead, with one payer."""
    funding_goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    goal: Goal = ShowGoalFactory(funding_goal=funding_goal, nbf=NBF)
    return goal


@pytest.fixture
def paid_goal(session: Session, viewer: User) -> Goal:
    """An open funding goal with one payer."""
    goal: Goal = ShowFundingGoalFactory(session=session, paid_by=[viewer])
    return goal


@pytest.fixture
def live(show: Goal, clock: time_machine.Traveller) -> Goal:
    """The same show, just started. Its recording is requested, but its events are not planned yet."""
    clock.move_to(NBF)
    assert activate_goal(str(show.pk), int(NBF.timestamp())) == "started"
    return Goal.objects.get(pk=show.pk)
