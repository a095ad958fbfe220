"""Contributions: the payments of viewers. Each is one insert. A fold adds them to the goal's `breakdown` later.

`$inc` on a document with 100,000 keys takes 9.5 ms (measured) and causes write conflicts, so payers never wait for it.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from django.db import IntegrityError

from config.errors import raises
from goals.errors import GoalNotFound
from goals.states import OPEN
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from showgoals.errors import FundingClosed, KeyAlreadyPaid
from showgoals.models import Contribution, ShowFundingGoal
from taskqueue.durable import task_at

FOLD_BATCH = 1000
FOLD_EVERY_SECONDS = 1
fold_contributions = task_at("showgoals.tasks.fold_contributions")


@raises(GoalNotFound, FundingClosed, KeyAlreadyPaid)
def contribute(*, funding_goal_id: str, viewer_id: str, amount: int, key: str, now: datetime) -> Contribution:
    """Store a viewer's payment for an open funding goal without a show. Runs in the caller's transaction."""
    goal = ShowFundingGoal.objects.filter(pk=funding_goal_id).first()
    if goal is None:
        raise GoalNotFound(goal_id=funding_goal_id)
    if not OPEN.holds(goal, now=now) or goal.context.show_goal_id is not None:
        raise FundingClosed(goal_id=funding_goal_id)
    contribution = Contribution(
        funding_goal_id=funding_goal_id, viewer_id=viewer_id, amount=amount, key=key, created_at=now
    )
    try:
        contribution.save(force_insert=True)
    except IntegrityError as error:
        raise KeyAlreadyPaid(viewer_id=viewer_id) from error
    return contribution


def queue_fold(funding_goal_id: str, *, now: datetime) -> None:
    """Queue the fold of the goal's contributions. All contributions of the same second share one message.

    The caller calls it after the commit of a contribution. If the process dies in between, the next contribution or
    the creation of the show folds it.
    """
    second = int(now.timestamp()) // FOLD_EVERY_SECONDS
    digest = hashlib.sha256(f"fold:{funding_goal_id}:{second}".encode()).digest()
    # The message is due after the end of its second, so it finds all contributions of that second.
    when = datetime.fromtimestamp((second + 1) * FOLD_EVERY_SECONDS, tz=now.tzinfo) + timedelta(milliseconds=50)
    fold_contributions.enqueue_once(ObjectId(digest[:12]), when, funding_goal_id, subject=funding_goal_id)


def fold_all(funding_goal_id: str) -> int:
    """Fold the contributions that are not folded yet, each batch in a transaction. Return how many were folded."""
    folded = 0
    while batch := run_in_transaction(lambda: fold_into_breakdown(funding_goal_id, limit=FOLD_BATCH)):
        folded += batch
    return folded


def fold_into_breakdown(funding_goal_id: str, *, limit: int = 0) -> int:
    """Add contributions that are not folded yet to `breakdown` and `progress`. Return how many were folded.

    A limit of 0 means all. Runs in the caller's transaction. Of two concurrent folds, which update the same goal,
    MongoDB aborts one. Its retry finds nothing left.
    """
    contributions = collection(Contribution._meta.db_table)
    waiting = list(
        contributions.find(
            {"funding_goal_id": funding_goal_id, "folded": False}, {"viewer_id": True, "amount": True}
        ).limit(limit)
    )
    if waiting:
        collection("goals").update_one({"_id": ObjectId(funding_goal_id)}, {"$inc": _increments(waiting)})
        contributions.update_many({"_id": {"$in": [paid["_id"] for paid in waiting]}}, {"$set": {"folded": True}})
    return len(waiting)


def _increments(waiting: Sequence[dict[str, Any]]) -> dict[str, int]:
    totals = Counter[str]()
    for paid in waiting:
        totals[paid["viewer_id"]] += paid["amount"]
    by_viewer = {f"breakdown.{viewer}.amount": amount for viewer, amount in totals.items()}
    return {"progress": totals.total(), **by_viewer}
