"""The use cases that change a show: move, cancel or revive it, and note when it really began."""

from datetime import datetime
from typing import Any

from api.audit import Author
from config.errors import ProductError, raises
from goals.access import whole_second_after
from goals.cancelling import cancel_goal
from goals.errors import AlreadyEnded, AlreadyStarted, GoalNotFound, NotCancellable, NotChangeable, NotStarted
from goals.kinds import GoalKind
from goals.lookup import goal_of_kind
from goals.models import Goal
from goals.payloads import CancelReason, GoalUpdated, UpdateReason
from goals.signals import announce, goal_updated
from goals.states import CANCELLED, ENDED, LIVE, REVIVABLE, SCHEDULED, STARTED
from goals.versions import NEXT_VERSION, change_goal, check_changes_left, check_version
from sessions_app.errors import SessionEnded
from sessions_app.models import Session, SessionStatus
from showgoals.change_notes import note_change
from showgoals.errors import FundingLapsed
from showgoals.live_shows import live_show
from showgoals.models import ShowGoal
from showgoals.overlaps import may_overlap
from showgoals.settlement.lapsing import check_not_settled, stop_lapse
from showgoals.tasks import check_overlap


@raises(
    *(GoalNotFound, NotChangeable, AlreadyStarted, AlreadyEnded, SessionEnded),
    *(check_changes_left, FundingLapsed, check_overlap),
)
def move_show_goal(
    goal_id: str,
    *,
    now: datetime,
    nbf: datetime | None = None,
    level: dict[str, Any] | None = None,
    by: Author | None = None,
    reason: str = "",
    if_version: int | None = None,
) -> Goal:
    """Give the show a new nbf, a new level, or both. An nbf revives a cancelled show.

    The timeline and the record of changes name the author `by`. The record also has the `reason`. Raises
    PreconditionFailed if the show no longer has the version `if_version`. Runs in the caller's transaction. Idempotent:
    if there is nothing to change, nothing is written or announced.
    """
    show = _unstarted(goal_id, otherwise=NotChangeable)
    check_version(show, if_version)
    changes = _changes(show, nbf=nbf, level=level, now=now)
    if not changes:
        return show
    session = Session.objects.get(pk=show.conditions.session_id)
    if session.status != SessionStatus.LIVE:
        raise SessionEnded(session_id=str(session.pk))
    check_changes_left(show)
    if "cancelled_at" in changes:
        stop_lapse(show.context.funding_goal_id)
    elif CANCELLED.holds(show):
        check_not_settled(show.context.funding_goal_id)
    starts_at, (changed_level,) = changes.get("nbf", show.starts_at), changes.get("levels", show.levels_data())
    if not may_overlap(goal_id, starts_at=starts_at, now=now):
        check_overlap(session, target_seconds=changed_level["target"], nbf=starts_at, beside=show.pk)
    state = REVIVABLE if CANCELLED.holds(show) else SCHEDULED
    moved = change_goal({"_id": show.pk, **state.condition(GoalKind.SHOW)}, changes)
    if moved is None:
        raise AlreadyStarted(goal_id=goal_id)
    announce(goal_updated, GoalUpdated.of(moved, reason=_reason(changes)))
    note_change("move_show_goal", show, moved, by=by, reason=reason)
    return moved


@raises(GoalNotFound, NotCancellable, AlreadyStarted, AlreadyEnded)
def cancel_show_goal(
    goal_id: str,
    *,
    now: datetime,
    cause: CancelReason = CancelReason.CANCELLED,
    by: Author | None = None,
    reason: str = "",
    if_version: int | None = None,
) -> Goal:
    """Cancel the show before it starts. It keeps its link to the funding goal.

    The timeline and the record of changes have the author `by` and the `reason`. Raises PreconditionFailed if the show
    no longer has the version `if_version`. Runs in the caller's transaction. Idempotent: a second call announces
    nothing.
    """
    show = _unstarted(goal_id, otherwise=NotCancellable)
    check_version(show, if_version)
    if CANCELLED.holds(show):
        return show
    cancelled = cancel_goal({"_id": show.pk, **SCHEDULED.condition(GoalKind.SHOW)}, now=now, reason=cause, note=reason)
    if cancelled is None:
        raise AlreadyStarted(goal_id=goal_id)
    note_change("cancel_show_goal", show, cancelled, by=by, reason=reason)
    return cancelled


@raises(GoalNotFound, NotStarted, AlreadyEnded)
def begin_show(goal_id: str, *, now: datetime, by: Author | None = None) -> Goal:
    """Note that the streamer really begins now. The length of the show counts from this moment.

    If the show started late, `activate_goal` has already stored the moment of its start. This moment replaces that one
    unless it is earlier. Payers get new credentials. Runs in the caller's transaction. Idempotent: a second call
    moves nothing.
    """
    show = live_show(goal_id, now=now, otherwise=NotStarted)
    if show.context.started_by == "streamer":
        return show
    started = whole_second_after(now)
    # Not earlier than the start, which a host whose clock is ahead may have stored. In the same second only the author
    # changes: a payment is earned only if the streamer has said that they began, or if a recording shows it.
    changes = {"context.started": max(started, show.begun_at or started), "context.started_by": "streamer"}
    begun = change_goal({"_id": show.pk, **LIVE.condition(GoalKind.SHOW)}, changes)
    if begun is None:
        raise AlreadyEnded(goal_id=goal_id)
    announce(goal_updated, GoalUpdated.of(begun, reason=UpdateReason.BEGUN))
    note_change("begin_show", show, begun, by=by)
    return begun


def _unstarted(goal_id: str, *, otherwise: type[ProductError]) -> ShowGoal:
    show = goal_of_kind(ShowGoal, goal_id, otherwise=otherwise)
    if ENDED.holds(show):
        raise AlreadyEnded(goal_id=goal_id)
    if STARTED.holds(show):
        raise AlreadyStarted(goal_id=goal_id)
    return show


def _changes(show: Goal, *, nbf: datetime | None, level: dict[str, Any] | None, now: datetime) -> dict[str, Any]:
    """Return the fields that would change, with their new values. An nbf in the past means now."""
    changes: dict[str, Any] = {}
    if level is not None and level != show.levels_data()[0]:
        changes["levels"] = [level]
    if nbf is None:
        return changes
    starts_at = max(nbf, now).replace(microsecond=0)
    if CANCELLED.holds(show) or show.nbf not in (nbf, starts_at):
        changes |= {"nbf": starts_at, "moved_version": NEXT_VERSION}
    if CANCELLED.holds(show):
        changes |= {"cancelled_at": None, "active": True}
    return changes


def _reason(changes: dict[str, Any]) -> UpdateReason:
    if "cancelled_at" in changes:
        return UpdateReason.REVIVED
    return UpdateReason.MOVED if "nbf" in changes else UpdateReason.CHANGED
