"""Settles a funding goal: one conditional update stores the decision about its payments."""

from dataclasses import asdict, dataclass
from datetime import datetime

from bson import ObjectId
from pymongo import ReturnDocument

from goals.kinds import GoalKind
from goals.models import DEFERRED, Goal
from goals.payloads import SettlementDecided
from goals.settlements import SettlementState
from goals.signals import announce, settlement_decided
from goals.versions import NEXT_VERSION
from mongodb.collections import Document, collection
from mongodb.documents import instance, without
from showgoals.folds import fold_into_breakdown

# MongoDB counts the payers, because there may be 100,000.
PAYERS: Document = {"$size": {"$objectToArray": {"$ifNull": ["$breakdown", {}]}}}
UNSETTLED: Document = {"settlement": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision and its reason. `decided_by` is None if no person has decided.

    `as_sold` is None if no show was performed.
    """

    state: SettlementState
    reason: str
    as_sold: bool | None = None
    decided_by: str | None = None


def settle(
    funding_goal_id: str, condition: Document, verdict: Verdict, *, now: datetime, changes: Document | None = None
) -> Goal | None:
    """Write the verdict, with the sums, if the funding goal meets the condition, and announce `settlement.decided`.

    Return the settled goal, or None if the goal does not meet the condition. All stored payments are folded first. The
    creation of a show, its revival and every verdict write the document of the funding goal. If several of them run at
    once, MongoDB aborts all but one. Runs in the caller's transaction.
    """
    fold_into_breakdown(funding_goal_id)
    decided = {name: {"$literal": value} for name, value in (asdict(verdict) | {"decided_at": now}).items()}
    written = {
        "settlement": {**decided, "total": "$progress", "payers": PAYERS},
        "lapses_at": None,
        "version": NEXT_VERSION,
        **(changes or {}),
    }
    found = collection("goals").find_one_and_update(
        {"_id": ObjectId(funding_goal_id), "_cls": GoalKind.SHOW_FUNDING.value, **condition},
        [{"$set": written}],
        without(DEFERRED),
        return_document=ReturnDocument.AFTER,
    )
    if found is None:
        return None
    settled = instance(Goal, found, deferred=DEFERRED)
    announce(settlement_decided, SettlementDecided.of(settled))
    return settled
