"""Reads, in a few queries, the data that the notifications about many shows with small audiences need.

`awaiting_show` reads the data of one show. A test checks that `awaiting_shows` returns the same data.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bson import ObjectId

from goals.access import access_exp
from goals.kinds import GoalKind
from mongodb.collections import collection
from showgoals.exclusions import excluded_from_each
from showgoals.queries import AwaitingShow, viewers_expression

# A `breakdown` with at most this many keys is small: the viewers of a hundred such shows take a few megabytes.
SMALL_AUDIENCE = 1000
READ = dict.fromkeys(
    ("_cls", "nbf", "progress", "levels.target", "context.started", "conditions.session_id", "payers"), True
)

# The ids of a show and of its funding goal.
Pair = tuple[str, str]
Document = dict[str, Any]


class _Head(NamedTuple):
    """What the show's own document says. The moments are in UTC but have no time zone, because pymongo omits it."""

    session_id: ObjectId
    nbf: datetime
    exp: datetime


def awaiting_shows(pairs: Collection[Pair]) -> dict[Pair, AwaitingShow]:
    """Return what `awaiting_show` returns, for those of the pairs that can be read together. Make at most four queries.

    The result lacks a pair if its audience is large or of unknown size, or if a document is missing or malformed. The
    caller can pass such a pair to `awaiting_show`.
    """
    if not pairs:
        return {}
    ids = {ObjectId(goal_id) for pair in pairs for goal_id in pair if ObjectId.is_valid(goal_id)}
    goals = {goal["_id"]: goal for goal in collection("goals").find({"_id": {"$in": list(ids)}}, READ)}
    heads = {pair: head for pair in pairs if (head := _head(pair, goals))}
    viewers = _viewers(funding_goal_id for _show_id, funding_goal_id in heads)
    streamers = _streamers(head.session_id for head in heads.values())
    excluded = excluded_from_each(funding_goal_id for _show_id, funding_goal_id in heads)
    return {
        (show_id, funding_goal_id): AwaitingShow(
            session_id=str(head.session_id),
            streamer_id=str(streamers[head.session_id]),
            nbf=head.nbf.replace(tzinfo=UTC),
            exp=head.exp.replace(tzinfo=UTC),
            viewers=tuple(each for each in viewers[funding_goal_id] if each not in excluded[funding_goal_id]),
        )
        for (show_id, funding_goal_id), head in heads.items()
        if head.session_id in streamers and funding_goal_id in viewers
    }


def payers_of(funding_goal_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the viewers in each `breakdown`, for those of the funding goals that have a small audience.

    Make at most one query.
    """
    return _viewers(funding_goal_ids, payers={"$lte": SMALL_AUDIENCE}) if funding_goal_ids else {}


def _head(pair: Pair, goals: dict[ObjectId, Document]) -> _Head | None:
    """Return the facts about the pair's show.

    Return None if a document is missing or malformed, or if the audience is not small.
    """
    show, funding_goal = (goals.get(ObjectId(each)) if ObjectId.is_valid(each) else None for each in pair)
    if not _is_small(funding_goal):
        return None
    match show:
        case {
            "_cls": GoalKind.SHOW.value,
            "nbf": datetime() as nbf,
            "progress": int(progress),
            "levels": [*_, {"target": int(target)}],
            "conditions": {"session_id": str(session_id)},
            "context": dict(context),
        } if ObjectId.is_valid(session_id):
            try:
                exp = access_exp(
                    target_seconds=target, progress_seconds=progress, nbf=nbf, started=context.get("started")
                )
            except (TypeError, OverflowError):
                return None
            return _Head(ObjectId(session_id), nbf, exp)
    return None


def _is_small(funding_goal: Document | None) -> bool:
    match funding_goal:
        case {"_cls": GoalKind.SHOW_FUNDING.value, "payers": int(payers)}:
            return payers <= SMALL_AUDIENCE
    return False


def _viewers(funding_goal_ids: Iterable[str], **condition: Any) -> dict[str, list[str]]:
    """Return the keys of each `breakdown`, by funding goal. MongoDB extracts the keys, so it sends no amounts."""
    is_usual = {"$in": [{"$type": "$breakdown"}, ["object", "null", "missing"]]}
    found = collection("goals").aggregate(
        [
            {"$match": {"_id": {"$in": [ObjectId(each) for each in funding_goal_ids]}, **condition}},
            {"$project": {"viewers": {"$cond": [is_usual, viewers_expression("$breakdown"), None]}}},
        ]
    )
    return {str(row["_id"]): row["viewers"] for row in found if row["viewers"] is not None}


def _streamers(session_ids: Iterable[ObjectId]) -> dict[ObjectId, ObjectId]:
    """Return the streamer of each session that has one."""
    found = collection("sessions").find({"_id": {"$in": list(session_ids)}}, {"user": True})
    return {session["_id"]: session["user"] for session in found if "user" in session}
