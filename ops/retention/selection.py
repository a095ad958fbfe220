"""Selects the rows that may leave the database: old rows of goals and sessions that are over, and old change logs."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import bson
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from django.contrib.admin.models import LogEntry

from analytics.models import AnalyticsEvent
from api.models import ChangeRecord
from goals.kinds import GoalKind
from goals.models import Goal, TimelineEntry
from goals.settlements import SettlementState
from goals.states import CANCELLED, ENDED
from mongodb.collections import Document, connection
from sessions_app.models import LivestreamFeedEntry, Recording, Session, SessionStatus

# The collections whose rows belong to a goal, and how to find the goal's id. A recording has the id of its show.
OF_GOALS: Mapping[str, Callable[[RawBSONDocument], str]] = {
    TimelineEntry._meta.db_table: lambda row: row["goal_id"],
    AnalyticsEvent._meta.db_table: lambda row: row["goal_id"],
    Recording._meta.db_table: lambda row: str(row["_id"]),
}
# A row of this collection has the id of its session.
OF_SESSIONS = LivestreamFeedEntry._meta.db_table
# For the rows of these collections, only the age counts.
BY_AGE = (ChangeRecord._meta.db_table, LogEntry._meta.db_table)
# Other collections are kept, because payments are added up from them (`contributions` and `goals`), or because their
# rows expire by themselves.
ARCHIVABLE = (*OF_GOALS, OF_SESSIONS, *BY_AGE)
GOALS, SESSIONS = Goal._meta.db_table, Session._meta.db_table
LEAST_DAYS, MOST_DAYS = 30, 36_500
ROWS_AT_ONCE = 2000

FINAL = (SettlementState.EARNED.value, SettlementState.REFUND_DUE.value)
NOT_FUNDING = tuple(kind for kind in GoalKind if kind != GoalKind.SHOW_FUNDING)


def rows_to_archive(name: str, *, before: datetime) -> Iterator[RawBSONDocument]:
    """Yield the rows that are older than the moment, and whose goal or session, if any, ended before the moment.

    Rows are found by `_id`, which begins with the time of their creation, so no other index is needed.
    """
    rows = connection.database[name].with_options(codec_options=bson.CodecOptions(document_class=RawBSONDocument))
    last, end = ObjectId("0" * 24), ObjectId.from_datetime(before)
    while found := list(rows.find({"_id": {"$gt": last, "$lt": end}}).sort("_id", 1).limit(ROWS_AT_ONCE)):
        last = found[-1]["_id"]
        yield from _rows_over(name, found, before=before)


def _rows_over(name: str, rows: Sequence[RawBSONDocument], *, before: datetime) -> Sequence[RawBSONDocument]:
    if name in BY_AGE:
        return rows
    if name == OF_SESSIONS:
        ended = _sessions_ended([row["_id"] for row in rows], before=before)
        return [row for row in rows if row["_id"] in ended]
    goal_of = OF_GOALS[name]
    over = goals_over({goal for row in rows if ObjectId.is_valid(goal := goal_of(row))}, before=before)
    return [row for row in rows if goal_of(row) in over]


def _sessions_ended(ids: Sequence[ObjectId], *, before: datetime) -> set[ObjectId]:
    ended = {"_id": {"$in": ids}, "status": SessionStatus.ENDED.value, "ended_at": {"$lt": before}}
    return {session["_id"] for session in connection.database[SESSIONS].find(ended, {"_id": True})}


def goals_over(goal_ids: Collection[str], *, before: datetime) -> set[str]:
    """Return the ids of those goals that were over before the moment.

    A funding goal is over once its payments are settled for good. A show is over if it has ended or was cancelled, and
    its funding goal is over.
    """
    candidates = _find(goal_ids, *_ended_or_settled(before))
    funding = {str(goal["_id"]): goal.get("context", {}).get("funding_goal_id") for goal in candidates}
    settled = {str(goal["_id"]) for goal in _find({each for each in funding.values() if each}, _settled(before))}
    return {goal_id for goal_id, funded_by in funding.items() if funded_by is None or funded_by in settled}


def _find(goal_ids: Collection[str], *conditions: Document) -> list[Any]:
    condition = {"_id": {"$in": [ObjectId(each) for each in goal_ids]}, "$or": list(conditions)}
    return list(connection.database[GOALS].find(condition, {"context.funding_goal_id": True}))


def _ended_or_settled(before: datetime) -> tuple[Document, ...]:
    return (
        {**ENDED.condition(*NOT_FUNDING), "exp": {"$lt": before}},
        {**CANCELLED.condition(*NOT_FUNDING), "cancelled_at": {"$lt": before}},
        _settled(before),
    )


def _settled(before: datetime) -> Document:
    return {
        "_cls": GoalKind.SHOW_FUNDING.value,
        "settlement.state": {"$in": list(FINAL)},
        "settlement.decided_at": {"$lt": before},
    }
