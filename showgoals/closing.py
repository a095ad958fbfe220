"""The use cases that close a funding goal before its `exp`, or give it another `exp`."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from api.audit import Author
from config.errors import ProductError, raises
from goals.ending import end_goal
from goals.errors import AlreadyEnded, GoalNotFound
from goals.kinds import GoalKind
from goals.lookup import goal_of_kind
from goals.models import Goal
from goals.payloads import GoalUpdated, UpdateReason
from goals.signals import announce, goal_updated
from goals.states import ACTIVE, OPEN
from goals.versions import change_goal, check_changes_left, check_version
from showgoals.change_notes import note_change
from showgoals.models import ShowFundingGoal

CLOSED = _("The funding goal has closed.")


class NotClosable(ProductError):
    """Only funding goals can be closed."""

    code = "not_closable"
    status = 409
    detail = _("Only funding goals can be closed.")


@raises(GoalNotFound, NotClosable, AlreadyEnded)
def close_funding_goal(
    goal_id: str, *, now: datetime, by: Author | None = None, reason: str = "", if_version: int | None = None
) -> Goal:
    """Close the open funding goal now: its `exp` becomes the present second.

    The timeline and the record of changes name the author `by`. The record also has the `reason`. Raises
    PreconditionFailed if the goal no longer has the version `if_version`. Runs in the caller's transaction.
    """
    goal = _open_goal(goal_id, now=now)
    check_version(goal, if_version)
    end_goal(goal, ended_at=now.replace(microsecond=0))
    closed = Goal.objects.get(pk=goal_id)
    note_change("close_funding_goal", goal, closed, by=by, reason=reason)
    return closed


@raises(GoalNotFound, NotClosable, AlreadyEnded, check_changes_left)
def move_funding_end(goal_id: str, *, exp: datetime | None, now: datetime, by: Author | None) -> Goal:
    """Let the open funding goal close at another `exp`, or stay open if `exp` is None.

    The timeline and the record of changes name the author `by`. The caller has checked that `exp` lies in the future.
    Runs in the caller's transaction. Idempotent: if `exp` is the same, nothing is written or announced.
    """
    goal = _open_goal(goal_id, now=now)
    if goal.exp == exp:
        return goal
    check_changes_left(goal)
    still_open = {**OPEN.condition(GoalKind.SHOW_FUNDING, now=now), **ACTIVE.condition(GoalKind.SHOW_FUNDING)}
    moved = change_goal({"_id": goal.pk, **still_open}, {"exp": exp})
    if moved is None:
        raise AlreadyEnded(CLOSED, goal_id=goal_id)
    announce(goal_updated, GoalUpdated.of(moved, reason=UpdateReason.CHANGED))
    note_change("move_funding_end", goal, moved, by=by)
    return moved


def _open_goal(goal_id: str, *, now: datetime) -> ShowFundingGoal:
    goal = goal_of_kind(ShowFundingGoal, goal_id, otherwise=NotClosable)
    # At its `exp` the goal still counts as open, but its end may have been announced already.
    if not OPEN.holds(goal, now=now) or not goal.runs:
        raise AlreadyEnded(CLOSED, goal_id=goal_id)
    return goal
