"""Held shows, which were due before the database was restored from a backup, and wait for a person's decision.

The product does not know whether such a show was performed after the backup. So the show neither starts nor counts as
missed until somebody starts, moves or cancels it. A show is held while its `held_nbf` equals its `nbf`, so moving the
show ends the hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from bson import ObjectId

from goals.cancelling import oldest_startable
from goals.models import TimelineKind, starting_kinds
from goals.states import NOT_HELD, SCHEDULED, Condition
from goals.tasks import activate_goal
from goals.timeline import record, record_each
from mongodb.collections import Document, collection
from mongodb.transactions import run_in_transaction

ROW = "held_shows"
STARTED_AT_ONCE = 100
# By how much the version of a held show rises. Clients may have seen the show start, change and end after the backup,
# and they ignore events that they know and events of lower versions. 100 is more changes than a show has in a day.
UNKNOWN_VERSIONS = 100


@dataclass(frozen=True, slots=True)
class HeldShow:
    """A show that waits for a person.

    If `is_missed`, it is too late to start the show: it must be moved or cancelled.
    """

    goal_id: str
    session_id: str
    funding_goal_id: str
    nbf: datetime
    title: str
    is_missed: bool


def hold_overdue(*, before: datetime) -> None:
    """Hold the shows that should have started by the moment, and delete the messages that would start them.

    Whatever is decided about such a show is a new fact with a new version, because the show may have started before.
    """
    due: Condition = {**SCHEDULED.condition(*starting_kinds()), "nbf": {"$lte": before}, **NOT_HELD}
    ids = [str(goal["_id"]) for goal in collection("goals").find(due, {"_id": True})]
    for goal_id in ids:
        activate_goal.withdraw(goal_id)
    version = {"$add": [{"$ifNull": ["$version", 1]}, UNKNOWN_VERSIONS]}
    collection("goals").update_many(due, [{"$set": {"held_nbf": "$nbf", "version": version}}])
    record_each(ids, TimelineKind.TASK, ROW, "held", "It was due before the database was restored from a backup.")


def held_shows(*, now: datetime) -> list[HeldShow]:
    """Return the held shows, in the order of their nbf."""
    found = collection("goals").find(held(now=now), {"nbf": True, "conditions": True, "context": True, "levels": True})
    return [_show(goal, now=now) for goal in found.sort("nbf", 1)]


def held(*, now: datetime) -> Condition:
    """Return the condition that finds the held shows. All are overdue, so the condition can use the index `unended`."""
    return {**_held(), "nbf": {"$lte": now}}


def is_held(goal_id: str) -> bool:
    """Tell whether the show is held."""
    return collection("goals").find_one({"_id": ObjectId(goal_id), **_held()}, {"_id": True}) is not None


def start_held(goal_ids: Sequence[str]) -> int:
    """Start the held shows among these goals now, and return their number.

    The task that starts shows cancels those that were missed.
    """
    batches = (goal_ids[first : first + STARTED_AT_ONCE] for first in range(0, len(goal_ids), STARTED_AT_ONCE))
    return sum(run_in_transaction(partial(_start, batch)) for batch in batches)


def _start(goal_ids: Sequence[str]) -> int:
    goals, these = collection("goals"), {"_id": {"$in": [ObjectId(goal_id) for goal_id in goal_ids]}}
    found = list(goals.find({**_held(), **these}, {"nbf": True}))
    goals.update_many({"_id": {"$in": [goal["_id"] for goal in found]}}, {"$unset": {"held_nbf": ""}})
    for goal in found:
        goal_id, nbf = str(goal["_id"]), goal["nbf"].replace(tzinfo=UTC)
        activate_goal.replace(goal_id, int(nbf.timestamp()), at=nbf, subject=goal_id)
        record(goal_id, TimelineKind.TASK, ROW, "started")
    return len(found)


def _held() -> Condition:
    is_held = {"held_nbf": {"$ne": None}, "$expr": {"$eq": ["$held_nbf", "$nbf"]}}
    return {**SCHEDULED.condition(*starting_kinds()), **is_held}


def _show(goal: Document, *, now: datetime) -> HeldShow:
    nbf = goal["nbf"].replace(tzinfo=UTC)
    return HeldShow(
        goal_id=str(goal["_id"]),
        session_id=goal["conditions"]["session_id"],
        funding_goal_id=goal["context"]["funding_goal_id"],
        nbf=nbf,
        title=goal["levels"][0]["title"],
        is_missed=nbf < oldest_startable(now),
    )
