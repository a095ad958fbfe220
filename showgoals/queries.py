"""The aggregation that reads the data for the notifications about a started show."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import OperationFailure

from goals.access import access_exp_expression
from goals.kinds import GoalKind
from mongodb.collections import collection
from showgoals.errors import ShowCannotBeAnnounced
from showgoals.exclusions import excluded_from

Stage = dict[str, Any]
Row = dict[str, Any]
# The code of MongoDB's error for a row that exceeds the size limit of a document.
OBJECT_TOO_LARGE = 10334
KEYS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class AwaitingShow:
    """The data that the notifications about a started show need. `exp` is when the access ends (`access_exp`)."""

    session_id: str
    streamer_id: str
    nbf: datetime
    exp: datetime
    viewers: tuple[str, ...]


def awaiting_show(goal_id: str, funding_goal_id: str) -> AwaitingShow:
    """Return the show's data, which MongoDB aggregates.

    In: a ShowGoal and its ShowFundingGoal
        {_id, _cls: "ShowGoal", nbf, progress: 0, levels: [{target: 60}], context: {started: null},
         conditions: {session_id: "6811bfd5d273022b46570ae5"}}
        {_id, _cls: "ShowFundingGoal", breakdown: {"67ceabecc82b8fd6cf63d6d6": {amount: 5}}}
    Out: {session_id: ObjectId, streamer_id: ObjectId, nbf, exp: nbf + 60 s, show_target: 60,
          viewers: ["67ceabecc82b8fd6cf63d6d6"]}

    Excluded payers are then removed from the viewers. Raises ShowCannotBeAnnounced if the show, its level, its funding
    goal or its session is missing.

    Flow: goal.started -> notify_stream_authorized: "Aggregate show vars"
    """
    row = _row(ObjectId(goal_id), ObjectId(funding_goal_id))
    # Without a level, the pipeline's `exp` would silently be the show's nbf.
    if row is None or row.get("show_target") is None:
        raise ShowCannotBeAnnounced(goal_id=goal_id, funding_goal_id=funding_goal_id)
    excluded = excluded_from(funding_goal_id)
    return AwaitingShow(
        session_id=str(row["session_id"]),
        streamer_id=str(row["streamer_id"]),
        nbf=row["nbf"].replace(tzinfo=UTC),
        exp=row["exp"].replace(tzinfo=UTC),
        viewers=tuple(viewer for viewer in row["viewers"] if viewer not in excluded),
    )


def _row(goal_id: ObjectId, funding_goal_id: ObjectId) -> Row | None:
    """Return the pipeline's row, or None if a goal or the session is missing.

    The ids of 450,000 or more viewers don't fit into the row. A second query reads the row without them, and
    `stream_viewers` reads the ids.
    """
    pipeline = awaiting_show_pipeline([goal_id, funding_goal_id])
    try:
        return next(collection("goals").aggregate(pipeline), None)
    except OperationFailure as error:
        if error.code != OBJECT_TOO_LARGE:
            raise
    match, *rest = pipeline
    row: Row | None = next(collection("goals").aggregate([match, {"$unset": "breakdown"}, *rest]), None)
    return row and {**row, "viewers": stream_viewers(funding_goal_id)}


def stream_viewers(funding_goal_id: ObjectId) -> Iterator[str]:
    """Yield the ids of the viewers in the funding goal's `breakdown`. Works for any number of viewers."""
    keys: list[Stage] = [
        {"$match": {"_id": funding_goal_id}},
        {"$project": {"viewer": {"$objectToArray": "$breakdown"}}},
        {"$unwind": "$viewer"},
        {"$project": {"_id": False, "viewer": "$viewer.k"}},
    ]
    return (row["viewer"] for row in collection("goals").aggregate(keys, batchSize=KEYS_AT_ONCE))


def awaiting_show_pipeline(ids: list[ObjectId]) -> list[Stage]:
    """Return the aggregation pipeline of `awaiting_show`."""
    last_target = {"$let": {"vars": {"level0": {"$last": "$levels"}}, "in": "$$level0.target"}}
    return [
        {"$match": {"_id": {"$in": ids}}},
        {
            "$facet": {
                "funding_goal": [{"$match": {"_cls": GoalKind.SHOW_FUNDING.value}}, {"$project": {"breakdown": True}}],
                "show_goal": [{"$match": {"_cls": GoalKind.SHOW.value}}, {"$addFields": {"show_target": last_target}}],
            }
        },
        {"$unwind": "$funding_goal"},
        {"$unwind": "$show_goal"},
        {"$addFields": {"show_goal.conditions.session_id": {"$toObjectId": "$show_goal.conditions.session_id"}}},
        {
            "$lookup": {
                "from": "sessions",
                "localField": "show_goal.conditions.session_id",
                "foreignField": "_id",
                "pipeline": [{"$project": {"user": True}}],
                "as": "session",
            }
        },
        {"$unwind": "$session"},
        {
            "$project": {
                "_id": False,
                "session_id": "$session._id",
                "streamer_id": "$session.user",
                "nbf": "$show_goal.nbf",
                "show_target": "$show_goal.show_target",
                "viewers": viewers_expression("$funding_goal.breakdown"),
                "exp": access_exp_expression("show_goal"),
            }
        },
    ]


def viewers_expression(breakdown: str) -> Stage:
    """Return a MongoDB expression for the keys of the `breakdown` at this path, in the order of the document."""
    entries = {"$objectToArray": {"$ifNull": [breakdown, {}]}}
    return {"$let": {"vars": {"entries": entries}, "in": "$$entries.k"}}
