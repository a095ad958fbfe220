"""Held shows, which were due before the database was restored from a backup, and wait for a person's decision.

The product does not know whether such a show was performed after the backup. So the show neither starts nor counts as
missed until somebody starts, moves or cancels it. A scheduled show is held while its `held_nbf` equals its `nbf`, so
moving the show ends the hold. Starting it means moving it to the present second.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from bson import ObjectId

from goals.access import access_is_over_expression
from goals.cancelling import oldest_startable
from goals.models import TimelineKind, starting_kinds
from goals.states import LIVE, NOT_HELD, SCHEDULED, Condition
from goals.tasks import activate_goal
from goals.timeline import record_each
from mongodb.collections import Document, collection

ROW = "held_shows"
# The show was held, or live, when a database was restored, and has not been moved since.
MARKED: Condition = {"held_nbf": {"$ne": None}, "$expr": {"$eq": ["$held_nbf", "$nbf"]}}
# The version of a held show rises by this number. Clients may have seen the show start, change and end after the
# backup. They ignore events that they know and events of lower versions. It is very unlikely that the show had 100
# changes after the backup.
UNKNOWN_VERSIONS = 100


@dataclass(frozen=True, slots=True)
class HeldShow:
    """A show that waits for a person. `is_missed` says whether it is overdue by more than START_GRACE."""

    goal_id: str
    session_id: str
    funding_goal_id: str
    nbf: datetime
    version: int
    title: str
    is_missed: bool


def hold_overdue(*, before: datetime) -> None:
    """Hold the shows that should have started at `before` or earlier, and delete the messages that would start them.

    Raise their versions, because clients may have seen the shows start before the restoration. Later events of a held
    show then have higher versions than the events that clients know.
    """
    due: Condition = {**SCHEDULED.condition(*starting_kinds()), "nbf": {"$lte": before}, **NOT_HELD}
    ids = [str(goal["_id"]) for goal in collection("goals").find(due, {"_id": True})]
    for goal_id in ids:
        activate_goal.withdraw(goal_id)
    version = {"$add": [{"$ifNull": ["$version", 1]}, UNKNOWN_VERSIONS]}
    collection("goals").update_many(due, [{"$set": {"held_nbf": "$nbf", "version": version}}])
    record_each(ids, TimelineKind.TASK, ROW, "held", "It was due before the database was restored from a backup.")


def mark_live(*, at: datetime) -> int:
    """Mark the shows whose payers had access at the moment `at` of the backup. Return their number.

    See `was_live_in_backup`.
    """
    live = {**LIVE.condition(*starting_kinds()), "$expr": {"$not": [access_is_over_expression(at)]}}
    marked: int = collection("goals").update_many(live, [{"$set": {"held_nbf": "$nbf"}}]).matched_count
    return marked


def was_live_in_backup(goal_id: str) -> bool:
    """Tell whether a show that has started was live in a backup that was restored.

    What happened to such a show after the backup is not known: it may have ended early. If the show was held instead,
    the answer is no, because a held show starts by being moved.
    """
    return collection("goals").find_one({"_id": ObjectId(goal_id), **MARKED}, {"_id": True}) is not None


def held_shows(*, now: datetime) -> list[HeldShow]:
    """Return the held shows, in the order of their nbf."""
    found = collection("goals").find(
        held(now=now), {"nbf": True, "conditions": True, "context": True, "levels": True, "version": True}
    )
    return [_show(goal, now=now) for goal in found.sort("nbf", 1)]


def held(*, now: datetime) -> Condition:
    """Return the condition that finds the held shows.

    All held shows are overdue. So the condition can limit `nbf`, and a query can use the index `unended`.
    """
    return {**_held(), "nbf": {"$lte": now}}


def is_held(goal_id: str) -> bool:
    """Tell whether the show is held."""
    return collection("goals").find_one({"_id": ObjectId(goal_id), **_held()}, {"_id": True}) is not None


def _held() -> Condition:
    return {**SCHEDULED.condition(*starting_kinds()), **MARKED}


def _show(goal: Document, *, now: datetime) -> HeldShow:
    nbf = goal["nbf"].replace(tzinfo=UTC)
    return HeldShow(
        goal_id=str(goal["_id"]),
        session_id=goal["conditions"]["session_id"],
        funding_goal_id=goal["context"]["funding_goal_id"],
        nbf=nbf,
        version=goal["version"],
        title=goal["levels"][0]["title"],
        is_missed=nbf < oldest_startable(now),
    )
