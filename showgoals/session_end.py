"""The use case that ends a session, together with its shows and funding goals."""

from collections.abc import Collection
from datetime import datetime

from api.audit import Author, record_change
from config.errors import raises
from goals.access import whole_second_after
from goals.ending import end_goal
from goals.models import Goal
from goals.payloads import CancelReason, LapseReason
from goals.states import CANCELLED, GoalStatus
from mongodb.collections import collection
from sessions_app.models import Session, SessionStatus
from showgoals.changes import cancel_show_goal
from showgoals.errors import FundingUnsettled, ShowScheduled
from showgoals.folds import CONTRIBUTIONS
from showgoals.models import ShowFundingGoal, ShowGoal
from showgoals.settlement.lapsing import lapse


@raises(ShowScheduled, FundingUnsettled)
def end_session(
    session_id: str, *, cancel_shows: bool, now: datetime, by: Author | None = None, reason: str = ""
) -> Session:
    """End the session, its live show and its funding goals. Cancel waiting shows if `cancel_shows` is true.

    Funding goals without a show lapse. If `cancel_shows` is false, raises ShowScheduled if a show is waiting, and
    FundingUnsettled if viewers have paid for a funding goal without a show. The record of changes has the author `by`
    and the `reason`. Runs in the caller's transaction. Idempotent.
    """
    session = Session.objects.get(pk=session_id)
    if session.status == SessionStatus.ENDED:
        return session
    goals = {goal: goal.status(now) for goal in _goals(session)}
    waiting = [goal for goal, status in goals.items() if status == GoalStatus.SCHEDULED]
    if waiting and not cancel_shows:
        raise ShowScheduled(session_id=session_id, show_goal_id=str(waiting[0].pk))
    if not cancel_shows and (unsettled := _paid(_without_show(goals))):
        raise FundingUnsettled(session_id=session_id, funding_goal_id=str(unsettled[0].pk))
    collection("sessions").update_one(
        {"_id": session.pk}, {"$set": {"status": SessionStatus.ENDED.value, "ended_at": now}}
    )
    for show in waiting:
        cancel_show_goal(str(show.pk), now=now, cause=CancelReason.SESSION_ENDED, by=by)
    for goal, status in goals.items():
        # A funding goal that was just closed seems open to a host whose clock is behind, but does not run any more.
        if status in (GoalStatus.LIVE, GoalStatus.OPEN) and goal.runs:
            # If the end of a goal has passed, but no message has ended the goal yet, the end that has passed is stored.
            ended_at = min(now, goal.ends_at or now)
            # A show's end is rounded up, as `end_show` does. A funding goal's `exp` must not be in the future.
            is_show = status == GoalStatus.LIVE
            end_goal(goal, ended_at=whole_second_after(ended_at) if is_show else ended_at.replace(microsecond=0))
    for goal in _without_show(_goals(session)):
        lapse(goal, {}, reason=LapseReason.SESSION_ENDED, now=now)
    if by is not None:
        before, after = {"status": SessionStatus.LIVE.value}, {"status": SessionStatus.ENDED.value}
        record_change(
            "end_session", session, by=by, about=[str(session.user_id)], before=before, after=after, reason=reason
        )
    return Session.objects.get(pk=session_id)


def _without_show(goals: Collection[Goal]) -> list[Goal]:
    """Return the unsettled funding goals that have no show, or whose show was cancelled."""
    shows = {str(goal.pk) for goal in goals if isinstance(goal, ShowGoal) and not CANCELLED.holds(goal)}
    unsettled = (goal for goal in goals if isinstance(goal, ShowFundingGoal) and goal.settlement is None)
    return [goal for goal in unsettled if goal.context.show_goal_id not in shows]


def _paid(funding_goals: list[Goal]) -> list[Goal]:
    """Return the funding goals that viewers have paid for, even if the payments are not folded yet."""
    ids = [str(goal.pk) for goal in funding_goals]
    paid = set(collection(CONTRIBUTIONS).distinct("funding_goal_id", {"funding_goal_id": {"$in": ids}}))
    return [goal for goal in funding_goals if goal.progress or str(goal.pk) in paid]


def _goals(session: Session) -> list[Goal]:
    ids = [goal for pair in session.show_goal_pairs for goal in (pair.funding_goal, pair.show_goal) if goal]
    return list(Goal.objects.filter(pk__in=ids)) if ids else []
