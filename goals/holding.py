"""Shows that are held: they were due before their database was restored from a backup, and wait for a person.

Whether such a show has been performed since the backup, nobody knows here. So it neither starts nor counts as missed
until somebody starts, moves or cancels it. A held show has its nbf in `held_nbf`, so moving it ends the hold.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from bson import ObjectId

from goals.cancelling import oldest_startable
from goals.models import TimelineKind, starting_kinds
from goals.states import NOT_HELD, SCHEDULED, Condition
from goals.tasks import activate_goal
from goals.timeline import record_each
from mongodb.collections import Document, collection
from mongodb.transactions import run_in_transaction

ROW = "held_shows"


@dataclass(frozen=True, slots=True)
class HeldShow:
    """A show that waits for a person. `is_missed`: it is too late to start it, so it has to be moved or cancelled."""

    goal_id: str
    session_id: str
    nbf: datetime
    title: str
    is_missed: bool


def hold_overdue(*, before: datetime) -> None:
    """Hold the shows that should have started by the moment, and delete the messages that would start them."""
    due: Condition = {**SCHEDULED.condition(*starting_kinds()), "nbf": {"$lte": before}, **NOT_HELD}
    ids = [str(goal["_id"]) for goal in collection("goals").find(due, {"_id": True})]
    for goal_id in ids:
        activate_goal.withdraw(goal_id)
    collection("goals").update_many(due, [{"$set": {"held_nbf": "$nbf"}}])
    record_each(ids, TimelineKind.TASK, ROW, "held", "It was due before the database was restored from a backup.")


def held_shows(*, now: datetime) -> list[HeldShow]:
    """Return the held shows, in the order of their nbf."""
    found = collection("goals").find(_held(), {"nbf": True, "conditions": True, "levels": True})
    return [_show(goal, now=now) for goal in found.sort("nbf", 1)]


def start_held(goal_ids: Collection[str]) -> int:
    """Let the held shows among these goals start now. Return how many. Those that were missed will be cancelled."""

    def release() -> int:
        these = {**_held(), "_id": {"$in": [ObjectId(goal_id) for goal_id in goal_ids]}}
        found = list(collection("goals").find(these, {"nbf": True}))
        collection("goals").update_many({"_id": {"$in": [goal["_id"] for goal in found]}}, {"$unset": {"held_nbf": ""}})
        for goal in found:
            nbf = goal["nbf"].replace(tzinfo=UTC)
            activate_goal.replace(str(goal["_id"]), int(nbf.timestamp()), at=nbf, subject=str(goal["_id"]))
        record_each([str(goal["_id"]) for goal in found], TimelineKind.TASK, ROW, "started")
        return len(found)

    return run_in_transaction(release)


def _held() -> Condition:
    is_held = {"held_nbf": {"$ne": None}, "$expr": {"$eq": ["$held_nbf", "$nbf"]}}
    return {**SCHEDULED.condition(*starting_kinds()), **is_held}


def _show(goal: Document, *, now: datetime) -> HeldShow:
    nbf = goal["nbf"].replace(tzinfo=UTC)
    return HeldShow(
        goal_id=str(goal["_id"]),
        session_id=goal["conditions"]["session_id"],
        nbf=nbf,
        title=goal["levels"][0]["title"],
        is_missed=nbf < oldest_startable(now),
    )
