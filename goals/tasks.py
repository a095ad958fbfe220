"""The life of any goal: create, activate, change, cancel."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from config.transactions import collection, run_in_transaction
from goals.kinds import GoalKind
from goals.models import Conditions, Context, Goal, Level, Metadata
from goals.payloads import goal_created_payload, goal_started_payload
from goals.signals import announce, goal_created, goal_started
from taskqueue.durable import durable

# A start later than this is an outage: viewers get their time back (`context.started`).
LATE_AFTER = timedelta(seconds=1)


def create_goal(
    *,
    kind: GoalKind,
    session_id: str,
    levels: Sequence[dict[str, Any]],
    user_id: str,
    context: dict[str, Any],
    now: datetime,
    nbf: datetime | None = None,
    exp: datetime | None = None,
) -> Goal:
    """Insert a goal and announce `goal.created`. Inside the caller's transaction.

    Flow: create_show_goal -> create_goal
    """
    model = Goal.proxies[kind]
    goal = model(
        kind=kind,
        active=True,
        conditions=Conditions(session_id=session_id),
        levels=[Level(**level) for level in levels],
        nbf=nbf,
        exp=exp,
        context=Context(session_id=session_id, **context),
        metadata=Metadata(user_id=user_id),
        created_at=now,
    )
    goal.save(force_insert=True)
    announce(goal_created, goal_created_payload(goal))
    return goal


@durable
def activate_goal(goal_id: str, nbf: int) -> str:
    """Start a show: claim it and announce `goal.started`, in one transaction. Again: nothing happens.

    A goal that has started, ended, was cancelled, or was moved to another nbf is left alone.
    Flow: schedule_lifecycle_tasks -> activate_goal
    """
    now = datetime.now(UTC)
    due = datetime.fromtimestamp(nbf, tz=UTC)
    if now < due:  # this host's clock is behind the one that sent the message
        activate_goal.enqueue_at(due, goal_id, nbf, subject=goal_id)
        return "too_early"
    return run_in_transaction(lambda: _claim_and_announce(goal_id, nbf=due, now=now))


def _claim_and_announce(goal_id: str, *, nbf: datetime, now: datetime) -> str:
    startable = {
        "_id": ObjectId(goal_id),
        "_cls": GoalKind.SHOW.value,
        "activated_at": None,
        "exp": None,
        "cancelled_at": None,
        "nbf": nbf,
    }
    claimed = collection("goals").find_one_and_update(
        startable,
        [{"$set": {"active": True, "nbf": nbf, "activated_at": now, "context": _context_if_late(nbf, now)}}],
        projection={"_id": True},
    )
    if claimed is None:
        return "not_startable"
    announce(goal_started, goal_started_payload(Goal.objects.get(pk=goal_id)))
    return "started"


def _context_if_late(nbf: datetime, now: datetime) -> dict[str, Any]:
    """Return the context for an update pipeline: with `started` where the start is an outage late.

    Lateness counts from max(nbf, created_at): an nbf in the past means that the show starts at once.
    """
    whole_second = now if now.microsecond == 0 else now.replace(microsecond=0) + timedelta(seconds=1)
    started = {"$mergeObjects": ["$context", {"started": whole_second, "started_by": "system"}]}
    is_late = {"$lt": [{"$max": [nbf, "$created_at"]}, now - LATE_AFTER]}
    return {"$cond": [is_late, started, "$context"]}
