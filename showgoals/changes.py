"""Change a show that has not started: move it, cancel it, bring it back."""

from datetime import datetime
from typing import Any

from config.errors import ProductError
from config.transactions import collection
from goals.errors import AlreadyStarted, GoalNotFound, NotCancellable, NotChangeable
from goals.kinds import GoalKind
from goals.models import Goal
from goals.payloads import GoalCancelled, GoalUpdated
from goals.signals import announce, goal_cancelled, goal_updated
from sessions_app.errors import SessionEnded
from sessions_app.models import Session, SessionStatus
from showgoals.models import ShowGoal
from showgoals.tasks import check_overlap

NOT_STARTED = {"_cls": GoalKind.SHOW.value, "activated_at": None, "exp": None}


def move_show_goal(
    goal_id: str, *, now: datetime, nbf: datetime | None = None, level: dict[str, Any] | None = None
) -> Goal:
    """Give the show a new nbf, a new level, or both; a new nbf brings a cancelled one back to life.

    In the caller's transaction. Raises GoalNotFound, NotChangeable, AlreadyStarted, SessionEnded, ShowOverlaps.
    """
    show = _show(goal_id, otherwise=NotChangeable)
    starts_at = show.window[0] if nbf is None else max(nbf, now).replace(microsecond=0)
    level = level or show.levels_data()[0]
    session = Session.objects.get(pk=show.conditions.session_id)
    if session.status != SessionStatus.LIVE:
        raise SessionEnded(session_id=str(session.pk))
    check_overlap(session, target_seconds=level["target"], nbf=starts_at, but=show.pk)
    changes: dict[str, Any] = {"nbf": starts_at, "levels": [level]}
    if nbf is not None:
        changes |= {"cancelled_at": None, "active": True}
    moved = _update(show, {"cancelled_at": show.cancelled_at}, changes)
    announce(goal_updated, GoalUpdated.of(moved, levels=moved.levels_data(), nbf=moved.nbf))
    return moved


def cancel_show_goal(goal_id: str, *, now: datetime) -> Goal:
    """Cancel the show before it starts; it keeps its link. Again: it stays cancelled, nobody is told twice.

    In the caller's transaction. Raises GoalNotFound, NotCancellable, AlreadyStarted.
    """
    show = _show(goal_id, otherwise=NotCancellable)
    if show.cancelled_at is not None:
        return show
    cancelled = _update(show, {"cancelled_at": None}, {"cancelled_at": now, "active": False})
    announce(goal_cancelled, GoalCancelled.of(cancelled))
    return cancelled


def _show(goal_id: str, *, otherwise: type[ProductError]) -> Goal:
    goal = Goal.objects.filter(pk=goal_id).first()
    if goal is None:
        raise GoalNotFound(goal_id=goal_id)
    if not isinstance(goal, ShowGoal):
        raise otherwise(goal_id=goal_id)
    if goal.activated_at is not None or goal.exp is not None:
        raise AlreadyStarted(goal_id=goal_id)
    return goal


def _update(show: Goal, condition: dict[str, Any], changes: dict[str, Any]) -> Goal:
    """Write the changes unless somebody started the show meanwhile. Never by `save()`: it drops unknown keys."""
    updated = collection("goals").update_one({"_id": show.pk, **NOT_STARTED, **condition}, {"$set": changes})
    if updated.matched_count != 1:
        raise AlreadyStarted(goal_id=str(show.pk))
    return Goal.objects.get(pk=show.pk)
