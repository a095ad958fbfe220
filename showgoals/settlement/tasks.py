"""The tasks that settle funding goals."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from config import clock
from mongodb.transactions import run_in_transaction
from showgoals.settlement.lapsing import lapse_if_due, lapse_overdue
from showgoals.settlement.performance import settle_former, settle_proven
from taskqueue.calls import Call, Outcome
from taskqueue.durable import bulk, durable
from taskqueue.heartbeat import count_repairs
from taskqueue.periodic import every
from taskqueue.queues import Queue

logger = logging.getLogger(__name__)

# A funding goal that should have lapsed longer ago than this is overdue.
OVERDUE_AFTER = timedelta(seconds=5)
# A run of the reconciler begins no further lapse after this time, so that its worker does not count as stuck. It
# reports what it has done, and the next run continues.
RUN_SECONDS = 15.0
# If this host's clock is ahead of the database's, the lapse is tried again after this time.
ASK_AGAIN_AFTER = timedelta(seconds=1)
# A lapse takes several round-trips for each goal, so only a few goals lapse in one transaction.
LAPSED_AT_ONCE = 20


@bulk(Queue.WORK, most=LAPSED_AT_ONCE)
def lapse_funding_goal(calls: Sequence[Call]) -> list[Outcome]:
    """Lapse funding goals that have no show, and announce `goal.lapsed`. Idempotent.

    Each call is `lapse_funding_goal(goal_id, lapses_at)`. `lapses_at`, in Unix seconds, is the moment for which the
    message was queued. If the goal now lapses at another moment, the call does nothing.
    """
    return run_in_transaction(lambda: [_lapse(call) for call in calls])


@durable
def reconcile_settlements() -> str:
    """Lapse the overdue funding goals, whose messages were lost or had to wait. Idempotent."""
    lapsed = lapse_overdue(before=clock.now() - OVERDUE_AFTER, until=time.monotonic() + RUN_SECONDS)
    if lapsed:
        logger.critical("reconciled what=goals.lapsed_by_reconciler count=%s", lapsed)
        count_repairs("goals.lapsed_by_reconciler", lapsed)
    return f"lapsed {lapsed}"


@durable
def settle_performances() -> str:
    """Settle funding goals whose shows have new evidence or were ended by an earlier release. Idempotent."""
    return f"proven {settle_proven()}, former {settle_former()}"


def _lapse(call: Call) -> str:
    funding_goal_id, lapses_at = str(call.args[0]), int(call.args[1] or 0)
    now, due = clock.now(), datetime.fromtimestamp(lapses_at, tz=UTC)
    with call.for_its_request():
        outcome = lapse_if_due(funding_goal_id, due, now=now) if now >= due else "too_early"
        if outcome == "too_early":
            again = max(due, now + ASK_AGAIN_AFTER)
            lapse_funding_goal.enqueue(funding_goal_id, lapses_at, at=again, subject=funding_goal_id)
    call.delete_at_commit()
    return outcome


every(10, reconcile_settlements)
every(60, settle_performances)
