"""The life of any goal: create, activate."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from socket import gethostname
from typing import Any
from zlib import crc32

from bson import ObjectId

from goals.ending import deactivate_goal, end_of, overdue_ends
from goals.kinds import GoalKind
from goals.models import Conditions, Context, Goal, Level, Metadata
from goals.payloads import GoalCreated
from goals.signals import announce, goal_created
from goals.sweep import LOOK_AHEAD, TakenByAnother, overdue, start_due_goals, start_goals
from taskqueue.broker import AHEAD
from taskqueue.durable import durable, durable_start
from taskqueue.heartbeat import count_repairs
from taskqueue.periodic import every
from taskqueue.turns import PLACES, place

logger = logging.getLogger(__name__)

# A show that is due for longer has been forgotten.
OVERDUE_AFTER = timedelta(seconds=5)
# A show that somebody else's sweep is starting should have started then.
LOOK_AGAIN_AFTER = timedelta(seconds=0.2)
# Where in what is due this host begins to sweep, 0 to 1: hosts that began at the same would be in each other's way.
HOSTS_PART = crc32(gethostname().encode()) / 2**32


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
    announce(
        goal_created,
        GoalCreated.of(goal, active=goal.active, levels=goal.levels_data(), nbf=goal.nbf, exp=goal.exp),
    )
    return goal


@durable_start
def activate_goal(goal_id: str, nbf: int) -> str:
    """Start the show, then all others that are due. Again: nothing happens.

    A show that has started, ended, was cancelled, or was moved to another nbf is left alone. Called up to AHEAD before
    nbf the start is prepared, and committed at nbf.
    Flow: schedule_lifecycle_tasks -> activate_goal
    """
    now = datetime.now(UTC)
    due = datetime.fromtimestamp(nbf, tz=UTC)
    if now + AHEAD < due:  # this host's clock is behind the one that sent the message
        activate_goal.enqueue_at(due, goal_id, nbf, subject=goal_id)
        return "too_early"
    try:
        started = start_goals([ObjectId(goal_id)], now=now, wait=False)
    except TakenByAnother:  # who may fail
        activate_goal.enqueue_at(now + LOOK_AGAIN_AFTER, goal_id, nbf, subject=goal_id)
        return "taken_by_another"
    if not started:
        return "not_startable"
    activate_goal.withdraw(started)
    with place("sweep") as number:
        now = datetime.now(UTC)
        _sweep(partial(_due, now), now=now, begin_at=(number / PLACES + HOSTS_PART) % 1)
    return "started"


@durable
def reconcile_goals() -> int:
    """Start and end what should have started or ended long ago: a message was lost, or nobody worked.

    Returns how many goals it had to put right; it should be 0.
    """
    now = datetime.now(UTC)
    started = _sweep(partial(overdue, before=now - OVERDUE_AFTER), now=now)
    late = [goal for goal in overdue_ends(before=now - OVERDUE_AFTER) if _ends_now(goal)]
    for what, count in (("goals.started_by_reconciler", started), ("goals.ended_by_reconciler", len(late))):
        if count:
            logger.critical("reconciled what=%s count=%s", what, count)
            count_repairs(what, count)
    return started + len(late)


def _due(now: datetime) -> list[ObjectId]:
    """Return the shows whose messages are due, and held by nobody: the queue is the list of what is to be started."""
    return [ObjectId(goal_id) for goal_id in activate_goal.due(now=now, limit=LOOK_AHEAD)]


def _sweep(due: Callable[[], Sequence[ObjectId]], *, now: datetime, begin_at: float = 0.0) -> int:
    """Start what is due, and delete the messages of what has started: nobody should do them for nothing."""
    count = 0
    for started in start_due_goals(due, now=now, begin_at=begin_at):
        activate_goal.withdraw(started)
        count += len(started)
    return count


def _ends_now(goal: Goal) -> bool:
    ends_at = end_of(goal)
    return ends_at is not None and deactivate_goal(str(goal.pk), int(ends_at.timestamp())) == "ended"


every(10, reconcile_goals)
