"""Which rows may leave the database: old ones of goals that are over, payments included."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import bson
from bson import ObjectId
from bson.raw_bson import RawBSONDocument

from analytics.models import AnalyticsEvent
from goals.kinds import GoalKind
from goals.models import Goal, TimelineEntry
from goals.settlements import SettlementState
from goals.states import CANCELLED, ENDED
from mongodb.collections import Document, connection

# Each of their rows belongs to a goal, `goal_id`, and nothing is decided by it. All other collections are kept:
# payments add up from `contributions` and `goals`, and `recordings` prove that shows were performed.
ARCHIVABLE = (TimelineEntry._meta.db_table, AnalyticsEvent._meta.db_table)
GOALS = Goal._meta.db_table
LEAST_DAYS, MOST_DAYS = 30, 36_500
ROWS_AT_ONCE = 2000

FINAL = (SettlementState.EARNED.value, SettlementState.REFUND_DUE.value)
NOT_FUNDING = tuple(kind for kind in GoalKind if kind != GoalKind.SHOW_FUNDING)


def rows_to_archive(name: str, *, before: datetime) -> Iterator[RawBSONDocument]:
    """Yield the rows of the collection that are older than the moment, as are the ends of their goals.

    Rows are found by `_id`, which begins with the time of their creation, so no other index is needed.
    """
    rows = connection.database[name].with_options(codec_options=bson.CodecOptions(document_class=RawBSONDocument))
    last, end = ObjectId("0" * 24), ObjectId.from_datetime(before)
    while found := list(rows.find({"_id": {"$gt": last, "$lt": end}}).sort("_id", 1).limit(ROWS_AT_ONCE)):
        last = found[-1]["_id"]
        over = goals_over({row["goal_id"] for row in found if ObjectId.is_valid(row["goal_id"])}, before=before)
        yield from (row for row in found if row["goal_id"] in over)


def goals_over(goal_ids: Collection[str], *, before: datetime) -> set[str]:
    """Return those goals that were over before the moment.

    A funding goal is over once its payments are settled for good, and a show once it has ended, or was cancelled, and
    its funding goal is over, too.
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
