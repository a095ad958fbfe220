"""The use case that ends a session, together with its shows and funding goals."""

from datetime import datetime

from config.errors import raises
from goals.ending import end_goal
from goals.models import Goal
from goals.payloads import CancelReason
from goals.states import GoalStatus
from mongodb.collections import collection
from sessions_app.models import Session, SessionStatus
from showgoals.changes import cancel_show_goal
from showgoals.errors import ShowScheduled


@raises(ShowScheduled)
def end_session(session_id: str, *, cancel_shows: bool, now: datetime) -> Session:
    """End the session, its live show and its funding goals. Cancel waiting shows if `cancel_shows` is true.

    Raises ShowScheduled if a show waits and `cancel_shows` is false. Runs in the caller's transaction. Idempotent.
    """
    session = Session.objects.get(pk=session_id)
    if session.status == SessionStatus.ENDED:
        return session
    goals = {goal: goal.status(now) for goal in _goals(session)}
    waiting = [goal for goal, status in goals.items() if status == GoalStatus.SCHEDULED]
    if waiting and not cancel_shows:
        raise ShowScheduled(session_id=session_id, show_goal_id=str(waiting[0].pk))
    collection("sessions").update_one(
        {"_id": session.pk}, {"$set": {"status": SessionStatus.ENDED.value, "ended_at": now}}
    )
    for show in waiting:
        cancel_show_goal(str(show.pk), now=now, reason=CancelReason.SESSION_ENDED)
    for goal, status in goals.items():
        if status in (GoalStatus.LIVE, GoalStatus.OPEN):
            end_goal(goal, ended_at=now.replace(microsecond=0))
    return Session.objects.get(pk=session_id)


def _goals(session: Session) -> list[Goal]:
    ids = [goal for pair in session.show_goal_pairs for goal in (pair.funding_goal, pair.show_goal) if goal]
    return list(Goal.objects.filter(pk__in=ids)) if ids else []
