"""Creates shows, opens funding goals, and folds their contributions."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from django.db import IntegrityError

from config import clock
from config.errors import raises
from goals.access import access_exp
from goals.kinds import GoalKind
from goals.models import Goal, TimelineKind
from goals.states import ACTIVE, OPEN
from goals.tasks import create_goal
from goals.timeline import record
from mongodb.documents import fetch
from sessions_app.errors import SessionEnded, SessionNotFound, SessionPairMissing, ShowOverlaps
from sessions_app.models import Session, SessionStatus
from showgoals.contributions import OVERDUE_AFTER, fold_all, fold_overdue
from showgoals.errors import FundingGoalNotFound, FundingLapsed, FundingStillOpen, ShowGoalExists
from showgoals.folds import fold_into_breakdown
from showgoals.models import ShowFundingGoal
from showgoals.overlaps import overlapping_shows, overlaps_of
from showgoals.session_pairs import make_room
from showgoals.settlement.lapsing import waits_because, withdraw_lapse
from taskqueue.calls import Call, Outcome, one_by_one
from taskqueue.durable import bulk, durable
from taskqueue.heartbeat import count_repairs
from taskqueue.periodic import every
from taskqueue.queues import Queue

logger = logging.getLogger(__name__)

# A batch is small, because each goal is folded in a transaction of its own.
FOLDED_AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRequest:
    """A streamer's request for one performance in a session, paid by a funding goal."""

    user_id: str
    funding_goal_id: str
    session_id: str
    ticket_product_id: str
    ticket_product_type: str
    title: str
    target_seconds: int
    nbf: datetime


@raises(
    *(FundingGoalNotFound, SessionNotFound, SessionEnded, FundingStillOpen),
    *(FundingLapsed, ShowGoalExists, SessionPairMissing, ShowOverlaps),
)
def create_show_goal(request: ShowRequest, *, now: datetime) -> Goal:
    """Create the show, link it to its funding goal and session, and queue its start.

    Runs in the caller's transaction.

    Flow: POST /goals?type=show -> create_new_goal -> create_show_goal -> create_goal
    """
    funding_goal = _funding_goal(request)
    session = _live_session(request.session_id, request.user_id)
    _check_funding(funding_goal, now=now)
    # A show can't start before it is created, so an nbf in the past means now.
    nbf = max(request.nbf, now).replace(microsecond=0)
    _check_pair(session, funding_goal)
    check_overlap(session, target_seconds=request.target_seconds, nbf=nbf)
    fold_into_breakdown(request.funding_goal_id)
    withdraw_lapse(funding_goal)
    try:
        return _create(request, nbf=nbf, now=now)
    except IntegrityError as error:  # from the unique index, if a concurrent request has passed the same checks
        raise ShowGoalExists(funding_goal_id=request.funding_goal_id) from error


@raises(SessionNotFound, SessionEnded, make_room)
def create_show_funding_goal(
    *,
    user_id: str,
    session_id: str,
    levels: list[dict[str, Any]],
    exp: datetime | None,
    context: dict[str, Any],
    now: datetime,
) -> Goal:
    """Open a funding goal in a live session of the streamer. Runs in the caller's transaction.

    Flow: POST /goals?type=show-funding
    """
    make_room(_live_session(session_id, user_id), now=now)
    return create_goal(
        kind=GoalKind.SHOW_FUNDING,
        session_id=session_id,
        levels=levels,
        user_id=user_id,
        exp=exp,
        now=now,
        context=context,
    )


@bulk(Queue.WORK, most=FOLDED_AT_ONCE)
def fold_contributions(calls: Sequence[Call]) -> list[Outcome]:
    """Add the contributions that aren't folded yet to the `breakdown` and `progress` of goals. Idempotent.

    Each call has the id of a goal: `fold_contributions(funding_goal_id)`.
    """
    return one_by_one(fold_all, calls)


@durable
def reconcile_contributions() -> int:
    """Fold the contributions that should have been folded by now. Return how many were folded. Idempotent.

    A contribution is late because its commit took long, the queue is behind, or the process that stored it died before
    it queued the fold. Only the last case is counted as a repair.
    """
    folded, forgotten = fold_overdue(before=clock.now() - OVERDUE_AFTER)
    if forgotten:
        logger.critical("reconciled what=contributions.folded_by_reconciler count=%s", forgotten)
        count_repairs("contributions.folded_by_reconciler", forgotten)
    return folded


@durable
def note_overlaps(show_id: str) -> int:
    """Note on the timelines which shows this one overlaps because it began late.

    The timelines of this show and of the others get rows. Return the number of those other shows.
    A rerun appends the rows again.
    """
    others = overlaps_of(Goal.objects.get(pk=show_id))
    for other in others:
        record(show_id, TimelineKind.TASK, "note_overlaps", "runs_into", other)
        record(other, TimelineKind.TASK, "note_overlaps", "is_run_into_by", show_id)
    return len(others)


@raises(ShowOverlaps)
def check_overlap(session: Session, *, target_seconds: int, nbf: datetime, beside: ObjectId | None = None) -> None:
    """Raise ShowOverlaps if a show that starts at `nbf` would overlap a show of the session other than `beside`.

    Two concurrent creations both update the session, so MongoDB aborts one of them. Its retry sees the other show.
    """
    ends = access_exp(target_seconds=target_seconds, progress_seconds=0, nbf=nbf, started=None)
    for show in overlapping_shows(session, (nbf, ends), beside=beside):
        raise ShowOverlaps(session_id=str(session.pk), show_goal_id=str(show.pk))


def _create(request: ShowRequest, *, nbf: datetime, now: datetime) -> Goal:
    return create_goal(
        kind=GoalKind.SHOW,
        session_id=request.session_id,
        levels=[{"title": request.title, "target": request.target_seconds}],
        user_id=request.user_id,
        nbf=nbf,
        now=now,
        context={
            "funding_goal_id": request.funding_goal_id,
            "ticket_product_id": request.ticket_product_id,
            "ticket_product_type": request.ticket_product_type,
        },
    )


def _funding_goal(request: ShowRequest) -> Goal:
    """Return the streamer's funding goal. Raise FundingGoalNotFound if the session has no such goal of the streamer.

    Later checks refuse a goal that is open or has a show, with a 409.
    """
    for goal in fetch(ShowFundingGoal.objects.filter(pk=request.funding_goal_id)):
        if goal.metadata.user_id == request.user_id and goal.conditions.session_id == request.session_id:
            return goal
    raise FundingGoalNotFound(funding_goal_id=request.funding_goal_id)


def _live_session(session_id: str, user_id: str) -> Session:
    for session in fetch(Session.objects.filter(pk=session_id, user_id=user_id)):
        if session.status != SessionStatus.LIVE:
            raise SessionEnded(session_id=session_id)
        return session
    raise SessionNotFound(session_id=session_id)


def _check_funding(goal: Goal, *, now: datetime) -> None:
    # The clock of the host that has closed the goal may be ahead, so `exp` alone does not say that the goal is open.
    if OPEN.holds(goal, now=now) and ACTIVE.holds(goal):
        raise FundingStillOpen(funding_goal_id=str(goal.pk))
    has_lapsed = goal.lapsed_version is not None
    if has_lapsed or (goal.settlement is not None and waits_because(goal) is not None):
        raise FundingLapsed(funding_goal_id=str(goal.pk))
    if goal.context.show_goal_id is not None:
        raise ShowGoalExists(funding_goal_id=str(goal.pk), show_goal_id=goal.context.show_goal_id)


def _check_pair(session: Session, funding_goal: Goal) -> None:
    if all(pair.funding_goal != funding_goal.pk for pair in session.show_goal_pairs):
        raise SessionPairMissing(session_id=str(session.pk), funding_goal_id=str(funding_goal.pk))


every(5, reconcile_contributions)
