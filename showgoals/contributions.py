"""Stores contributions, which are the payments of viewers. Storing one takes a single insert.

A fold adds the contributions to the goal's `breakdown` later. `$inc` on a document with 100,000 keys takes 9.5 ms
(measured) and causes write conflicts, so payers never wait for a fold.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from bson import ObjectId
from django.db import IntegrityError

from config.errors import raises
from goals.errors import GoalNotFound
from goals.kinds import GoalKind
from goals.models import DEFERRED, Goal
from goals.states import ACTIVE, OPEN
from goals.suspects import suspects, unless_it_fails
from mongodb.collections import collection
from mongodb.documents import find, insert
from mongodb.transactions import run_in_transaction
from showgoals.errors import FundingClosed, KeyAlreadyPaid, OwnGoal, PayerExcluded
from showgoals.exclusions import is_excluded
from showgoals.folds import CONTRIBUTIONS, fold_into_breakdown
from showgoals.models import Contribution
from taskqueue.durable import task_at

FOLD_BATCH = 1000
FOLD_EVERY_SECONDS = 1
# A contribution should be folded within this time.
OVERDUE_AFTER = timedelta(seconds=2)
CONTRIBUTIONS_A_LOOK = 1000
fold_contributions = task_at("showgoals.tasks.fold_contributions")


@raises(GoalNotFound, OwnGoal, FundingClosed, PayerExcluded, KeyAlreadyPaid)
def contribute(new: Contribution) -> None:
    """Store a viewer's payment for an open funding goal that has no show. Runs in the caller's transaction.

    The viewer must not be the goal's streamer, who also owns its session.
    """
    funding_goal_id, viewer_id = new.funding_goal_id, new.viewer_id
    found = find(Goal, {"_id": ObjectId(funding_goal_id), "_cls": GoalKind.SHOW_FUNDING.value}, deferred=DEFERRED)
    if not found:
        raise GoalNotFound(goal_id=funding_goal_id)
    (goal,) = found
    if goal.metadata.user_id == viewer_id:
        raise OwnGoal(goal_id=funding_goal_id)
    # At its `exp` the goal still counts as open, but its end may have been announced already.
    is_open = OPEN.holds(goal, now=new.created_at) and ACTIVE.holds(goal)
    if not is_open or goal.context.show_goal_id is not None:
        raise FundingClosed(goal_id=funding_goal_id)
    if goal.has_excluded is not False and is_excluded(viewer_id, funding_goal_id):
        raise PayerExcluded(goal_id=funding_goal_id, viewer_id=viewer_id)
    try:
        insert(new)
    except IntegrityError as error:
        raise KeyAlreadyPaid(viewer_id=viewer_id) from error


def queue_fold(funding_goal_id: str, *, now: datetime) -> None:
    """Queue the fold of the goal's contributions. All contributions of the same second share one message.

    Must be called after the commit of a contribution. If the process dies between the commit and this call,
    `fold_overdue` folds the contribution.
    """
    second = int(now.timestamp()) // FOLD_EVERY_SECONDS
    # The message is due after the end of its second, so the fold finds all contributions of that second.
    when = datetime.fromtimestamp((second + 1) * FOLD_EVERY_SECONDS, tz=now.tzinfo) + timedelta(milliseconds=50)
    fold_contributions.enqueue(funding_goal_id, at=when, once=f"{funding_goal_id}:{second}", subject=funding_goal_id)


def fold_all(funding_goal_id: str) -> int:
    """Fold the goal's unfolded contributions, one batch in each transaction. Return how many were folded."""
    folded = 0
    while batch := run_in_transaction(lambda: fold_into_breakdown(funding_goal_id, limit=FOLD_BATCH)):
        folded += batch
    return folded


def fold_overdue(*, before: datetime) -> tuple[int, int]:
    """Fold the contributions of each goal that has an unfolded contribution older than `before`.

    Every such contribution is found, however long after its `created_at` it was committed. Return how many were folded,
    and how many of these no message would have folded. If the fold of a goal fails, the error is logged and the goal is
    skipped for a minute, so that all other goals are folded.
    """
    folded, forgotten, seen = 0, 0, {str(goal_id) for goal_id in suspects.now()}
    while late := _overdue(before=before, leave_out=seen):
        seen.update(late)
        for funding_goal_id in late:
            was_queued = fold_contributions.is_queued(funding_goal_id)
            count = unless_it_fails(ObjectId(funding_goal_id), partial(fold_all, funding_goal_id))
            folded += count
            # The process that stored the contribution may have queued the fold just now.
            if not was_queued and not fold_contributions.is_queued(funding_goal_id):
                forgotten += count
    return folded, forgotten


def _overdue(*, before: datetime, leave_out: Iterable[str]) -> list[str]:
    """Return the ids of funding goals with overdue contributions. The goal with the oldest contribution comes first."""
    overdue = {"folded": False, "created_at": {"$lt": before}, "funding_goal_id": {"$nin": list(leave_out)}}
    # Without the hint, MongoDB might choose another index and scan the contributions of all funding goals.
    found = collection(CONTRIBUTIONS).find(overdue, {"funding_goal_id": True}, hint="unfolded").sort("created_at", 1)
    return list(dict.fromkeys(paid["funding_goal_id"] for paid in found.limit(CONTRIBUTIONS_A_LOOK)))
