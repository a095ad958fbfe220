"""The tasks of a goal's life: create, activate, deactivate, reconcile."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from socket import gethostname
from typing import Any
from zlib import crc32

from bson import ObjectId

from goals.cancelling import cancel_if_missed, cancel_missed
from goals.ending import end_if_due, end_overdue
from goals.kinds import GoalKind
from goals.models import Conditions, Context, Goal, Level, Metadata
from goals.payloads import GoalCreated
from goals.signals import announce, goal_created
from goals.suspects import suspects
from goals.sweep import GOALS_A_LOOK, TakenByAnother, overdue, start_due_goals, start_goals, startable
from mongodb.collections import collection
from mongodb.documents import insert
from mongodb.transactions import run_in_transaction
from taskqueue.broker import CLAIM_AHEAD
from taskqueue.durable import durable, durable_start
from taskqueue.heartbeat import count_repairs
from taskqueue.host_locks import HOST_LIMIT, limited
from taskqueue.periodic import every

logger = logging.getLogger(__name__)

# A goal that has been due for longer is overdue.
OVERDUE_AFTER = timedelta(seconds=5)
FAILING_NAMED = 10
# A goal that another worker is starting should have started within this time.
LOOK_AGAIN_AFTER = timedelta(seconds=0.2)
MESSAGES_A_LOOK = 1000
SOON = timedelta(seconds=0.1)
# The part of the due goals at which this host begins to sweep, 0 to 1. Hosts that began at the same part would collide.
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
    """Insert a goal and announce `goal.created`. Runs in the caller's transaction.

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
        context=Context(type=kind.wire_type, session_id=session_id, **context),
        metadata=Metadata(user_id=user_id),
        created_at=now,
    )
    insert(goal)
    announce(goal_created, GoalCreated.of(goal))
    return goal


@durable_start
def activate_goal(goal_id: str, nbf: int) -> str:
    """Start the show, then all others that are due. Idempotent.

    A show that was missed is cancelled. One that has started or ended, was cancelled, or has another nbf is left alone;
    because thousands of such outdated messages may wait, they are all deleted then. If the task is called up to
    CLAIM_AHEAD before nbf, it prepares the start and commits it at nbf.
    Flow: schedule_lifecycle_tasks -> activate_goal
    """
    now = datetime.now(UTC)
    due = datetime.fromtimestamp(nbf, tz=UTC)
    if now + CLAIM_AHEAD < due:  # this host's clock is behind the one that sent the message
        activate_goal.enqueue_at(due, goal_id, nbf, subject=goal_id)
        return "too_early"
    try:
        started = start_goals([ObjectId(goal_id)], now=now, wait=False)
    except TakenByAnother:  # the other worker may fail, so look again later
        activate_goal.enqueue_at(now + LOOK_AGAIN_AFTER, goal_id, nbf, subject=goal_id)
        return "taken_by_another"
    if not started:
        return "not_startable" if _has_started(goal_id) else _pass_over(goal_id, now=now)
    activate_goal.withdraw(started)
    with limited("sweep") as number:
        now = datetime.now(UTC)
        _sweep(partial(_due, now), now=now, begin_at=_begin_at(number))
    return "started"


@durable
def deactivate_goal(goal_id: str, access_exp: int) -> str:
    """End the goal and announce `goal.ended`. Idempotent. A message for an end that has moved does nothing.

    `access_exp` is the end for which the message was queued, in Unix seconds: `access_exp` of a show, `exp` of a
    funding goal.
    """
    ends_at = datetime.fromtimestamp(access_exp, tz=UTC)
    if datetime.now(UTC) < ends_at:  # this host's clock is behind that of the sender
        deactivate_goal.enqueue_at(ends_at, goal_id, access_exp, subject=goal_id)
        return "too_early"
    return run_in_transaction(partial(end_if_due, goal_id, ends_at))


@durable
def reconcile_goals() -> str:
    """Start and end the goals that are overdue, because their messages were lost or had to wait.

    Goals that were missed are cancelled. A goal that fails does not stop the others. The outcome counts the goals, and
    names those that failed in this process within the last minute.
    """
    now = datetime.now(UTC)
    missed = cancel_missed(now=now)
    started = _sweep(partial(overdue, before=now - OVERDUE_AFTER), now=now)
    ended = end_overdue(before=now - OVERDUE_AFTER)
    for what, count in (("goals.started_by_reconciler", started), ("goals.ended_by_reconciler", ended)):
        if count:
            logger.critical("reconciled what=%s count=%s", what, count)
            count_repairs(what, count)
    failing = sorted(str(goal_id) for goal_id in suspects.now())
    outcome = f"started {started}, ended {ended}" + (f", missed {missed}" if missed else "")
    return f"{outcome}, failing {len(failing)}: {' '.join(failing[:FAILING_NAMED])}" if failing else outcome


def _due(now: datetime) -> list[ObjectId]:
    """Return the goals whose start messages are due and not held by a worker."""
    return [ObjectId(goal_id) for goal_id in activate_goal.due(now=now, limit=GOALS_A_LOOK)]


def _has_started(goal_id: str) -> bool:
    """Tell whether another sweep has started the goal meanwhile, which is usual when many start at once."""
    goal = collection("goals").find_one({"_id": ObjectId(goal_id)}, {"activated_at": True})
    return goal is not None and goal.get("activated_at") is not None


def _pass_over(goal_id: str, *, now: datetime) -> str:
    if cancel_if_missed(ObjectId(goal_id), now=now):
        return "missed"
    _clear_outdated()
    return "not_startable"


def _clear_outdated() -> None:
    """Start the shows that are due, wherever their messages are in the queue, and delete all outdated messages.

    It looks again for due shows after each thousand messages. A message is inserted in one transaction with its show's
    nbf. So if the show, read after the message, can't start, the message is outdated. Shows that start in a moment are
    left alone, because their messages may be claimed ahead.
    """
    passed_over: set[str] = set()
    with limited("outdated", limit=1):
        while True:
            now = datetime.now(UTC)
            due = [ObjectId(goal_id) for goal_id in activate_goal.due_subjects(now=now)]
            _sweep(partial(startable, due, now=now), now=now)
            messages = activate_goal.due_messages(now=now, limit=MESSAGES_A_LOOK, besides=passed_over)
            soon = startable([ObjectId(goal_id) for goal_id in messages], now=now + SOON)
            outdated = messages.keys() - {str(goal_id) for goal_id in soon}
            if not outdated:
                return
            if not activate_goal.discard([each for goal_id in outdated for each in messages[goal_id]]):
                passed_over |= outdated  # a transaction holds some of them


def _begin_at(number: int) -> float:
    """Return the part of the due goals at which the sweeper with this number begins."""
    return (number / HOST_LIMIT + HOSTS_PART) % 1


def _sweep(due: Callable[[], Sequence[ObjectId]], *, now: datetime, begin_at: float = 0.0) -> int:
    """Start the goals that are due, and delete their messages, so that no worker claims them in vain."""
    count = 0
    for started in start_due_goals(due, now=now, begin_at=begin_at):
        activate_goal.withdraw(started)
        count += len(started)
    return count


every(10, reconcile_goals)
