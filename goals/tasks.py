"""Creates goals, and defines the tasks that start, end and reconcile them."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bson import ObjectId

from config import clock
from config.errors import Unavailable
from goals.cancelling import cancel_if_missed, cancel_missed, missed_among
from goals.ending import end_if_due, end_overdue
from goals.kinds import GoalKind
from goals.models import Conditions, Context, Goal, Level, Metadata
from goals.payloads import GoalCreated
from goals.signals import announce, goal_created
from goals.starting import BATCH, overdue, start_unless_taken
from goals.suspects import suspects, unless_it_fails
from mongodb.documents import insert
from mongodb.transactions import run_in_transaction
from taskqueue.broker import CLAIM_AHEAD
from taskqueue.calls import Call, Outcome
from taskqueue.durable import DurableTask, bulk, durable
from taskqueue.heartbeat import count_repairs
from taskqueue.periodic import every
from taskqueue.queues import Queue

logger = logging.getLogger(__name__)

# A goal that has been due for longer than this is overdue.
OVERDUE_AFTER = timedelta(seconds=5)
# A run of the reconciler begins no further work after this time, so that its worker does not count as stuck. It reports
# what it has done, and the next run continues.
RUN_SECONDS = 15.0
FAILING_NAMED = 10
# A transaction that is writing a goal should be over within this time.
LOOK_AGAIN_AFTER = timedelta(seconds=0.2)
# Each end takes several round-trips, so only a few goals are ended in one transaction.
ENDED_AT_ONCE = 20


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


@bulk(Queue.START, most=BATCH)
def activate_goal(calls: Sequence[Call]) -> list[Outcome]:
    """Start shows. Idempotent.

    Each call is `activate_goal(goal_id, nbf)`, with `nbf` in Unix seconds. A show that was missed is cancelled. A show
    that has started, was cancelled or moved, or has ended is left alone. If the task is called up to CLAIM_AHEAD before
    nbf, it prepares the start and commits it at nbf.

    Flow: schedule_lifecycle_tasks -> activate_goal
    """
    now = clock.now()
    due = {_goal(call): call for call in calls if _moment(call) <= now + CLAIM_AHEAD}
    started, taken = start_unless_taken(due, now=now)
    missed = [goal_id for goal_id in missed_among(due, now=now) if cancel_if_missed(goal_id, now=now)]
    reasons = dict.fromkeys(started, "started") | dict.fromkeys(missed, "missed")

    def outcome(call: Call) -> str:
        if _goal(call) not in due:  # for example, because the clock was set back after the claim
            return _again(activate_goal, call, _moment(call), "too_early")
        if _goal(call) in taken:  # the other transaction may fail, so look again later
            return _again(activate_goal, call, now + LOOK_AGAIN_AFTER, "taken_by_another")
        return reasons.get(_goal(call), "not_startable")

    return [outcome(call) for call in calls]


@bulk(Queue.WORK, most=ENDED_AT_ONCE)
def deactivate_goal(calls: Sequence[Call]) -> list[Outcome]:
    """End goals and announce `goal.ended`. Idempotent.

    Each call is `deactivate_goal(goal_id, ends_at)`. `ends_at`, in Unix seconds, is the `access_exp` that the show had,
    or the `exp` that the funding goal had, when the message was queued. If the end has moved since, the call does
    nothing.
    """
    return run_in_transaction(lambda: [_end(call) for call in calls])


@durable
def reconcile_goals() -> str:
    """Start and end overdue goals, whose messages were lost or are late.

    Goals that were missed are cancelled. A goal that fails does not stop the others. The outcome counts the goals. It
    names at most FAILING_NAMED of the goals that failed in this process within the last minute. Starts come first,
    because people wait for them. After RUN_SECONDS, each step that is left handles one goal, or one batch of starts.
    """
    now, until = clock.now(), time.monotonic() + RUN_SECONDS
    started = _start_overdue(before=now - OVERDUE_AFTER, now=now, until=until)
    _report("goals.started_by_reconciler", started)
    missed = cancel_missed(now=now, until=until)
    ended = end_overdue(before=now - OVERDUE_AFTER, until=until)
    _report("goals.ended_by_reconciler", ended)
    failing = sorted(str(goal_id) for goal_id in suspects.now())
    outcome = f"started {started}, ended {ended}" + (f", missed {missed}" if missed else "")
    return f"{outcome}, failing {len(failing)}: {' '.join(failing[:FAILING_NAMED])}" if failing else outcome


def _report(what: str, count: int) -> None:
    """Log and count what the reconciler had to put right, if anything."""
    if count:
        logger.critical("reconciled what=%s count=%s", what, count)
        count_repairs(what, count)


def _goal(call: Call) -> ObjectId:
    return ObjectId(str(call.args[0]))


def _moment(call: Call) -> datetime:
    """Return the moment that is the second argument of the call, in Unix seconds."""
    return datetime.fromtimestamp(int(call.args[1] or 0), tz=UTC)


def _again(task: DurableTask, call: Call, at: datetime, outcome: str) -> str:
    """Queue the call again for the moment `at`, and return the outcome."""
    with call.for_its_request():
        task.enqueue(*call.args, at=at, subject=str(_goal(call)))
    return outcome


def _end(call: Call) -> str:
    if clock.now() < _moment(call):  # for example, because the clock was set back after the claim
        return _again(deactivate_goal, call, _moment(call), "too_early")
    with call.for_its_request():
        outcome = end_if_due(str(_goal(call)), _moment(call))
    call.delete_at_commit()
    return outcome


def _start_overdue(*, before: datetime, now: datetime, until: float) -> int:
    """Start the goals that should have started by `before`. Return how many this call has started.

    Begin no further batch after the monotonic time `until`.
    """
    count = 0
    while late := overdue(before=before, now=now):
        started = 0
        for first in range(0, len(late), BATCH):
            started += _start_batch(late[first : first + BATCH], now=now)
            if time.monotonic() >= until:
                return count + started
        if not started:
            break
        count += started
    return count


def _start_batch(goal_ids: Sequence[ObjectId], *, now: datetime) -> int:
    """Start the goals. If that fails, start them one by one. Return how many were started."""
    try:
        return _start(*goal_ids, now=now)
    except Unavailable:
        raise
    except Exception:
        logger.exception("batch failed, starting its goals one by one goals=%s", len(goal_ids))
    return sum(unless_it_fails(goal_id, partial(_start, goal_id, now=now)) for goal_id in goal_ids)


def _start(*goal_ids: ObjectId, now: datetime) -> int:
    started, _taken = start_unless_taken({goal_id: Call((str(goal_id),)) for goal_id in goal_ids}, now=now)
    return len(started)


every(10, reconcile_goals)
