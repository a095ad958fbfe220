"""The use cases that change a show: move it, cancel it, restore it, and note when it really began."""

from datetime import datetime
from typing import Any

from config.errors import ProductError, raises
from goals.access import whole_second_after
from goals.errors import AlreadyEnded, AlreadyStarted, GoalNotFound, NotCancellable, NotChangeable, NotStarted
from goals.kinds import GoalKind
from goals.models import Goal, TimelineKind
from goals.payloads import GoalCancelled, GoalUpdated
from goals.signals import announce, goal_cancelled, goal_updated
from goals.states import CANCELLED, CHANGEABLE, ENDED, LIVE, SCHEDULED, State
from goals.timeline import record
from mongodb.collections import collection
from sessions_app.errors import SessionEnded
from sessions_app.models import Session, SessionStatus
from showgoals.models import ShowGoal
from showgoals.tasks import check_overlap


@raises(GoalNotFound, NotChangeable, AlreadyStarted, SessionEnded, check_overlap)
def move_show_goal(
    goal_id: str, *, now: datetime, nbf: datetime | None = None, level: dict[str, Any] | None = None
) -> Goal:
    """Give the show a new nbf, a new level, or both. A new nbf restores a cancelled show.

    Runs in the caller's transaction.
    """
    show = _show(goal_id, otherwise=NotChangeable)
    starts_at = show.starts_at if nbf is None else max(nbf, now).replace(microsecond=0)
    level = level or show.levels_data()[0]
    session = Session.objects.get(pk=show.conditions.session_id)
    if session.status != SessionStatus.LIVE:
        raise SessionEnded(session_id=str(session.pk))
    check_overlap(session, target_seconds=level["target"], nbf=starts_at, beside=show.pk)
    changes: dict[str, Any] = {"nbf": starts_at, "levels": [level]}
    if nbf is not None:
        changes |= {"cancelled_at": None, "active": True}
    moved = _update(show, CANCELLED if CANCELLED.holds(show) else SCHEDULED, changes)
    _announce_update(moved)
    return moved


@raises(GoalNotFound, NotCancellable, AlreadyStarted)
def cancel_show_goal(goal_id: str, *, now: datetime, note: str = "") -> Goal:
    """Cancel the show before it starts. It keeps its link to the funding goal. The timeline keeps the note.

    Runs in the caller's transaction. Idempotent: a second call announces nothing.
    """
    show = _show(goal_id, otherwise=NotCancellable)
    if CANCELLED.holds(show):
        return show
    cancelled = _update(show, SCHEDULED, {"cancelled_at": now, "active": False})
    announce(goal_cancelled, GoalCancelled.of(cancelled))
    if note:
        record(goal_id, TimelineKind.SIGNAL, goal_cancelled.name, "cancelled", note)
    return cancelled


@raises(GoalNotFound, NotStarted, AlreadyEnded)
def begin_show(goal_id: str, *, now: datetime) -> Goal:
    """Note that the streamer really begins now. The length of the show counts from this moment.

    A moment that `activate_goal` noted after an outage is replaced once, by a later one. Viewers get new credentials.
    Runs in the caller's transaction. Idempotent.
    """
    show = Goal.objects.filter(pk=goal_id).first()
    if show is None:
        raise GoalNotFound(goal_id=goal_id)
    if isinstance(show, ShowGoal) and ENDED.holds(show):
        raise AlreadyEnded(goal_id=goal_id)
    if not isinstance(show, ShowGoal) or not LIVE.holds(show):
        raise NotStarted(goal_id=goal_id)
    started = whole_second_after(now)
    if show.context.started_by == "streamer" or (show.context.started and show.context.started >= started):
        return show
    collection("goals").update_one(
        {"_id": show.pk}, {"$set": {"context.started": started, "context.started_by": "streamer"}}
    )
    show.context.started, show.context.started_by = started, "streamer"
    _announce_update(show)
    return show


def _announce_update(show: Goal) -> None:
    announce(
        goal_updated,
        GoalUpdated.of(show, levels=show.levels_data(), nbf=show.nbf, access_exp=show.access_exp),
    )


def _show(goal_id: str, *, otherwise: type[ProductError]) -> Goal:
    goal = Goal.objects.filter(pk=goal_id).first()
    if goal is None:
        raise GoalNotFound(goal_id=goal_id)
    if not isinstance(goal, ShowGoal):
        raise otherwise(goal_id=goal_id)
    if not CHANGEABLE.holds(goal):
        raise AlreadyStarted(goal_id=goal_id)
    return goal


def _update(show: Goal, state: State, changes: dict[str, Any]) -> Goal:
    """Write the changes if the show is still in the state and has not started. Raise AlreadyStarted otherwise.

    A `save()` would drop keys of the document that the model does not know.
    """
    updated = collection("goals").update_one(
        {"_id": show.pk, **CHANGEABLE.condition(GoalKind.SHOW), **state.condition(GoalKind.SHOW)}, {"$set": changes}
    )
    if updated.matched_count != 1:
        raise AlreadyStarted(goal_id=str(show.pk))
    return Goal.objects.get(pk=show.pk)
