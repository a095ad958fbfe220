"""Reads the goal that a use case is about."""

from typing import TypeVar

from config.errors import ProductError
from goals.errors import GoalNotFound
from goals.models import Goal

GoalT = TypeVar("GoalT", bound=Goal)


def goal_of_kind(kind: type[GoalT], goal_id: str, *, otherwise: type[ProductError]) -> GoalT:
    """Return the goal. Raise GoalNotFound if it does not exist, and `otherwise` if it is of another kind."""
    goal = Goal.objects.filter(pk=goal_id).first()
    if goal is None:
        raise GoalNotFound(goal_id=goal_id)
    if not isinstance(goal, kind):
        raise otherwise(goal_id=goal_id)
    return goal
