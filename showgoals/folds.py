"""The fold adds new contributions to `breakdown` and `progress` of their funding goal, which sum them up.

The models of this room import this module, so it can't import them.
"""

from collections import Counter
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from goals.models import DEFERRED, Goal
from goals.payloads import PayersAdded
from goals.signals import announce, payers_added
from mongodb.collections import collection
from mongodb.documents import instance, without

CONTRIBUTIONS = "contributions"


def fold_into_breakdown(funding_goal_id: str, *, limit: int = 0) -> int:
    """Add contributions that are not folded yet to `breakdown` and `progress`. Return how many were folded.

    A limit of 0 means all. If the goal already has its show, new payers are announced, because the show's creation has
    not counted them. Runs in the caller's transaction. If another fold or the creation of the show writes the same goal
    at the same time, MongoDB aborts one of the two, and its retry sees the other's result.
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


def _add(funding_goal_id: str, totals: Counter[str]) -> None:
    """Add what each viewer paid. Announce payers that are new if the goal already has its show."""
    lacks_some = _has_show_and_lacks_one_of(funding_goal_id, totals)
    amounts = {f"breakdown.{viewer}.amount": amount for viewer, amount in totals.items()}
    goal = collection("goals").find_one_and_update(
        {"_id": ObjectId(funding_goal_id)},
        {"$inc": {"progress": totals.total(), **amounts}},
        without(DEFERRED),
        return_document=ReturnDocument.AFTER,
    )
    if lacks_some:
        show_goal_id = goal["context"]["show_goal_id"]
        announce(payers_added, PayersAdded.of(instance(Goal, goal, deferred=DEFERRED), show_goal_id=show_goal_id))


def _has_show_and_lacks_one_of(funding_goal_id: str, viewers: Counter[str]) -> bool:
    """Tell whether the goal has a show and `breakdown` lacks one of the viewers."""
    linked = {"_id": ObjectId(funding_goal_id), "context.show_goal_id": {"$type": "string"}}
    listed = dict.fromkeys((f"breakdown.{viewer}" for viewer in viewers), True)
    goal: dict[str, Any] | None = collection("goals").find_one(linked, listed)
    return goal is not None and len(goal.get("breakdown", {})) < len(viewers)
