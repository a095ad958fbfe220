"""The use case that closes a funding goal before its `exp`."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError, raises
from goals.ending import end_goal
from goals.errors import AlreadyEnded, GoalNotFound
from goals.models import Goal
from goals.states import OPEN
from showgoals.models import ShowFundingGoal

CLOSED = _("The funding goal has closed.")


class NotClosable(ProductError):
    """Only funding goals can be closed."""

    code = "not_closable"
    status = 409
    detail = _("Only funding goals can be closed.")


@raises(GoalNotFound, NotClosable, AlreadyEnded)
def close_funding_goal(goal_id: str, *, now: datetime) -> Goal:
    """Close the open funding goal now: its `exp` becomes the present second. Runs in the caller's transaction."""
    goal = Goal.objects.filter(pk=goal_id).first()
    if goal is None:
        raise GoalNotFound(goal_id=goal_id)
    if not isinstance(goal, ShowFundingGoal):
        raise NotClosable(goal_id=goal_id)
    if not OPEN.holds(goal, now=now) or not goal.runs:
        raise AlreadyEnded(CLOSED, goal_id=goal_id)
    end_goal(goal, ended_at=now.replace(microsecond=0))
    return Goal.objects.get(pk=goal_id)
