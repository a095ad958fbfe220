"""The tasks that settle funding goals."""

import logging
from datetime import UTC, datetime, timedelta
from functools import partial

from mongodb.transactions import run_in_transaction
from showgoals.settlement.lapsing import lapse_if_due, lapse_overdue
from showgoals.settlement.performance import settle_former, settle_proven
from taskqueue.durable import durable
from taskqueue.heartbeat import count_repairs
from taskqueue.periodic import every

logger = logging.getLogger(__name__)

# A funding goal should have lapsed within this time.
OVERDUE_AFTER = timedelta(seconds=5)
# If this host's clock is ahead of the database's, it asks again after this time.
ASK_AGAIN_AFTER = timedelta(seconds=1)


@durable
def lapse_funding_goal(funding_goal_id: str, lapses_at: int) -> str:
    """Lapse the funding goal and announce `goal.lapsed`, unless it has a show. Idempotent.

    `lapses_at`, in Unix seconds, is the moment for which the message was queued. If the goal lapses at another one, the
    message is outdated and does nothing.
    """
    now, due = datetime.now(UTC), datetime.fromtimestamp(lapses_at, tz=UTC)
    outcome = "too_early"
    if now >= due:
        outcome = run_in_transaction(partial(lapse_if_due, funding_goal_id, due, now=now))
    if outcome == "too_early":
        again = max(due, now + ASK_AGAIN_AFTER)
        lapse_funding_goal.enqueue(funding_goal_id, lapses_at, at=again, subject=funding_goal_id)
    return outcome


@durable
def reconcile_settlements() -> str:
    """Lapse the funding goals that are overdue, because their messages were lost or had to wait. Idempotent."""
    lapsed = lapse_overdue(before=datetime.now(UTC) - OVERDUE_AFTER)
    if lapsed:
        logger.critical("reconciled what=goals.lapsed_by_reconciler count=%s", lapsed)
        count_repairs("goals.lapsed_by_reconciler", lapsed)
    return f"lapsed {lapsed}"


@durable
def settle_performances() -> str:
    """Settle shows for which evidence was found since, and shows that an earlier release has ended. Idempotent."""
    return f"proven {settle_proven()}, former {settle_former()}"


every(10, reconcile_settlements)
every(60, settle_performances)
