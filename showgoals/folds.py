"""The fold adds new contributions to the `breakdown` and `progress` of their funding goals.

`showgoals/models.py` imports this module, so this module can't import `showgoals/models.py`.
"""

from collections import Counter
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from goals.models import DEFERRED, Goal
from goals.payloads import GoalProgressed, PayersAdded, SettlementDecided
from goals.signals import announce, goal_progressed, payers_added, settlement_decided
from mongodb.collections import collection
from mongodb.documents import instance, without

CONTRIBUTIONS = "contributions"
# The number of viewers in `breakdown`. Keys that are not ids of viewers don't count, because no events can
# be sent to them.
VIEWERS: dict[str, Any] = {
    "$size": {
        "$filter": {
            "input": {"$objectToArray": {"$ifNull": ["$breakdown", {}]}},
            "cond": {"$regexMatch": {"input": "$$this.k", "regex": "^[0-9a-f]{24}$"}},
        }
    }
}


def fold_into_breakdown(funding_goal_id: str, *, limit: int = 0) -> int:
    """Add at most `limit` unfolded contributions to `breakdown` and `progress`. Return how many were folded.

    If the limit is 0, all are folded. The progress is announced. If the goal already has its show or has lapsed, new
    payers are announced as well, because they have not been told of the show or the lapse. Runs in the caller's
    transaction. If another fold or the creation of the show writes the same goal at the same time, MongoDB aborts one
    of the two transactions. Its retry sees the result of the other.
    """
    found = collection(CONTRIBUTIONS).find(
        {"funding_goal_id": funding_goal_id, "folded": False}, {"viewer_id": True, "amount": True}
    )
    waiting = list(found.limit(limit))
    if waiting:
        totals = Counter[str]()
        for paid in waiting:
            totals[paid["viewer_id"]] += paid["amount"]
        _add(funding_goal_id, totals)
        folded = {"_id": {"$in": [paid["_id"] for paid in waiting]}}
        collection(CONTRIBUTIONS).update_many(folded, {"$set": {"folded": True}})
    return len(waiting)


def count_viewers(funding_goal_id: str) -> int:
    """Return the number of viewers in the funding goal's `breakdown`, or 0 if there is no such goal."""
    found: dict[str, Any] | None = collection("goals").find_one(
        {"_id": ObjectId(funding_goal_id)}, {"viewers": VIEWERS}
    )
    return int(found["viewers"]) if found else 0


def _add(funding_goal_id: str, totals: Counter[str]) -> None:
    """Add the viewers' payments to the goal, and to the sums of its settlement if it has one. Announce the progress.

    Also announce new payers if the goal already has its show or has lapsed, and the settlement if its sums have grown.
    """
    before = _before(funding_goal_id, totals)
    if before is None:
        return
    new_payers = len(totals) - len(before.get("breakdown", {}))
    is_settled = before.get("settlement") is not None
    # Counting reads the whole breakdown, so only the first fold of a goal counts the viewers.
    counted = count_viewers(funding_goal_id) if before.get("payers") is None else before["payers"]
    added = {"progress": totals.total()} | {f"breakdown.{viewer}.amount": amount for viewer, amount in totals.items()}
    if is_settled:
        # A settled goal always has a stored `version`, so `$inc` raises it correctly.
        added |= {"settlement.total": totals.total(), "settlement.payers": new_payers, "version": 1}
    changed = collection("goals").find_one_and_update(
        {"_id": ObjectId(funding_goal_id)},
        {"$inc": added, "$set": {"payers": counted + new_payers}},
        without(DEFERRED),
        return_document=ReturnDocument.AFTER,
    )
    goal = instance(Goal, changed, deferred=DEFERRED)
    announce(goal_progressed, GoalProgressed.of(goal))
    has_lapsed = goal.lapsed_version is not None
    if new_payers and (goal.context.show_goal_id is not None or has_lapsed):
        announce(payers_added, PayersAdded.of(goal, show_goal_id=goal.context.show_goal_id, has_lapsed=has_lapsed))
    if is_settled:
        announce(settlement_decided, SettlementDecided.of(goal))


def _before(funding_goal_id: str, viewers: Counter[str]) -> dict[str, Any] | None:
    """Return the goal's `payers`, its `settlement`, and its entries in `breakdown` for these viewers.

    Fields and entries that the goal does not have are missing. Return None if there is no such goal.
    """
    wanted = dict.fromkeys(("payers", "settlement", *(f"breakdown.{viewer}" for viewer in viewers)), True)
    goal: dict[str, Any] | None = collection("goals").find_one({"_id": ObjectId(funding_goal_id)}, wanted)
    return goal
