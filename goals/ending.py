"""The end: a show ends when its payers' access does, a funding goal when its window closes."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from goals.access import access_exp_expression
from goals.kinds import GoalKind
from goals.models import Goal
from goals.payloads import GoalEnded
from goals.signals import announce, goal_ended
from mongodb.transactions import collection, run_in_transaction
from taskqueue.durable import durable

logger = logging.getLogger(__name__)

RECONCILED_AT_ONCE = 1000
# Shows that wait or run: what the index `unended` holds, by nbf.
UNENDED: dict[str, Any] = {"_cls": GoalKind.SHOW.value, "exp": None, "cancelled_at": None}
LIVE: dict[str, Any] = {**UNENDED, "activated_at": {"$ne": None}}
OPEN: dict[str, Any] = {"_cls": GoalKind.SHOW_FUNDING.value, "active": True}


def schedule_end(goal_id: str, kind: str, ends_at: datetime | None) -> None:
    """Queue the goal's end with the open transaction; a message for another moment does nothing.

    A funding goal is open at its `exp` still, so it ends a millisecond later; without `exp` it doesn't end.
    """
    if ends_at is None:
        return
    grace = timedelta(milliseconds=0 if kind == GoalKind.SHOW else 1)
    deactivate_goal.enqueue_at(ends_at + grace, goal_id, int(ends_at.timestamp()), subject=goal_id)


def end_of(goal: Goal) -> datetime | None:
    """Return when the goal ends: a show with its access, a funding goal at its `exp`."""
    return goal.exp if goal.kind == GoalKind.SHOW_FUNDING else goal.access_exp


@durable
def deactivate_goal(goal_id: str, access_exp: int) -> str:
    """End the goal and announce `goal.ended`, in one transaction. Again, or after its end has moved: nothing happens.

    `access_exp` is the end that the message was made for, in Unix seconds: a show's `access_exp`, a funding
    goal's `exp`.
    """
    now = datetime.now(UTC)
    ends_at = datetime.fromtimestamp(access_exp, tz=UTC)
    if now < ends_at:
        deactivate_goal.enqueue_at(ends_at, goal_id, access_exp, subject=goal_id)
        return "too_early"
    return run_in_transaction(lambda: _end_and_announce(goal_id, ends_at=ends_at))


def overdue_ends(*, before: datetime) -> list[Goal]:
    """Return goals that should have ended before the moment and have not, at most RECONCILED_AT_ONCE of a kind."""
    over = {"$expr": {"$lt": [access_exp_expression(), before]}}
    goals = collection("goals")
    shows = goals.find({**LIVE, "nbf": {"$lte": before}, **over}, {"_id": True}).limit(RECONCILED_AT_ONCE)
    funding_goals = goals.find({**OPEN, "exp": {"$lt": before}}, {"_id": True}).limit(RECONCILED_AT_ONCE)
    ids = [goal["_id"] for found in (shows, funding_goals) for goal in found]
    return list(Goal.objects.filter(pk__in=ids)) if ids else []


def _end_and_announce(goal_id: str, *, ends_at: datetime) -> str:
    goal = Goal.objects.filter(pk=goal_id).first()
    if goal is None or not _runs(goal) or end_of(goal) != ends_at:
        return "not_endable"
    end_goal(goal, ended_at=ends_at)
    return "ended"


def end_goal(goal: Goal, *, ended_at: datetime) -> None:
    """Write the end and announce it, in the caller's transaction, which has read the goal as running."""
    changes = {"active": False, "exp": ended_at}
    collection("goals").update_one({"_id": ObjectId(goal.pk)}, {"$set": changes})
    goal.active, goal.exp = False, ended_at
    announce(goal_ended, GoalEnded.of(goal, progress=goal.progress, exp=goal.exp))


def _runs(goal: Goal) -> bool:
    if goal.kind == GoalKind.SHOW_FUNDING:
        return goal.active
    return goal.activated_at is not None and goal.exp is None
