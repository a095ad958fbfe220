"""Reads a settlement: its state, its sums, and the outcome for each payer."""

import csv
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId

from goals.models import Goal
from goals.states import CANCELLED, GoalStatus
from mongodb.collections import collection
from showgoals.exclusions import excluded_from
from showgoals.folds import count_viewers
from showgoals.settlement.outcomes import outcome_of_state
from showgoals.settlement.performance import is_as_sold

LINES_AT_ONCE = 1000
COLUMNS = ("viewer", "amount", "outcome")
# If a cell begins with one of these characters, a spreadsheet reads the cell as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def settlement_data(funding_goal: Goal, *, now: datetime) -> dict[str, Any]:
    """Return the settlement in the form of the API. Until there is a decision, it has the present sums."""
    if funding_goal.settlement is not None:
        decided: dict[str, Any] = funding_goal.settlement.data()
        return decided
    show_id = funding_goal.context.show_goal_id
    show = Goal.objects.filter(pk=show_id).first() if show_id else None
    if show is not None and CANCELLED.holds(show):
        show = None
    return {
        "state": _state(funding_goal, show, now=now),
        "decided_at": None,
        "decided_by": None,
        "reason": None,
        "as_sold": None if show is None else is_as_sold(show, funding_goal),
        "total": funding_goal.progress,
        "payers": count_viewers(str(funding_goal.pk)) if funding_goal.payers is None else funding_goal.payers,
    }


def outcomes_as_csv(funding_goal_id: str) -> Iterator[str]:
    """Yield the parts of a CSV file with a row for each payer. The amounts add up to the settlement's total.

    MongoDB reads the goal once and streams its payers, so all rows show the goal at the same moment.
    """
    lines = _lines(_payers(funding_goal_id), excluded_from(funding_goal_id))
    # A part has many lines, because every layer that sends the file is called once for each part.
    return iter(lambda: "".join(islice(lines, LINES_AT_ONCE)), "")


def _lines(payers: Iterable[dict[str, Any]], excluded: Collection[str]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for payer in payers:
        outcome = outcome_of_state(payer.get("state"), is_excluded=payer["viewer"] in excluded)
        yield writer.writerow((_harmless(payer["viewer"]), payer["amount"], outcome.value))


class _Line:
    """A file whose `write` returns the line, so that `writerow` returns it."""

    def write(self, line: str) -> str:
        return line


def _payers(funding_goal_id: str) -> Iterable[dict[str, Any]]:
    pipeline = [
        {"$match": {"_id": ObjectId(funding_goal_id)}},
        {"$project": {"state": "$settlement.state", "payer": {"$objectToArray": {"$ifNull": ["$breakdown", {}]}}}},
        {"$unwind": "$payer"},
        {
            "$project": {
                "_id": False,
                "state": True,
                "viewer": "$payer.k",
                "amount": {"$ifNull": ["$payer.v.amount", 0]},
            }
        },
    ]
    found: Iterable[dict[str, Any]] = collection("goals").aggregate(pipeline, batchSize=LINES_AT_ONCE)
    return found


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _state(funding_goal: Goal, show: Goal | None, *, now: datetime) -> str:
    if funding_goal.status(now) == GoalStatus.OPEN:
        return "open"
    return "awaiting_show" if show is None else "awaiting_performance"
