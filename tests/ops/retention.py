"""Makes shows and rows old, and runs `manage.py archive` as an operator does."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from bson import ObjectId
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from goals.models import Goal
from mongodb.collections import collection
from tests.factories.documents import stored
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory

DAYS = {"goal_timeline": 365, "analytics_events": 365}
LONG_AGO = timedelta(days=400)


def settled_show(viewer: User, *, at: datetime, state: str = "earned") -> Goal:
    """Return a show that ended and was settled at the given moment."""
    show: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(closed=True, paid_by=[viewer]))
    collection("goals").update_one({"_id": show.pk}, {"$set": {"activated_at": at, "exp": at, "active": False}})
    settle(show, state=state, at=at)
    return show


def settle(show: Goal, *, state: str, at: datetime) -> None:
    """Write a settlement of one payment to the show's funding goal."""
    decided = {"state": state, "reason": "test", "decided_at": at, "decided_by": None, "total": 5, "payers": 1}
    funding_goal_id = ObjectId(show.context.funding_goal_id)
    collection("goals").update_one({"_id": funding_goal_id}, {"$set": {"settlement": decided}})


def age_rows() -> None:
    """Give all rows an `_id` whose time is long ago."""
    for name in DAYS:
        rows = stored(name)
        collection(name).delete_many({})
        new = [row | {"_id": ids} for row, ids in zip(rows, old_ids(len(rows)), strict=True)]
        if new:
            collection(name).insert_many(new)


def old_ids(count: int) -> Iterator[ObjectId]:
    """Yield ids whose times are all the same second, long ago."""
    second = ObjectId.from_datetime(timezone.now() - LONG_AGO).binary[:4]
    return (ObjectId(second + os.urandom(8)) for _ in range(count))


def archive(*words: object) -> list[str]:
    """Run `manage.py archive`, and return the lines that it prints."""
    output = StringIO()
    call_command("archive", *map(str, words), stdout=output, stderr=StringIO())
    return output.getvalue().splitlines()


def names_in(directory: Path) -> list[str]:
    """Return the names of the files, without the times that are part of the names."""
    return sorted(f"{path.name.split('-')[0]}-{path.name.split('-')[-1]}" for path in directory.iterdir())


def rows_by_goal(name: str) -> dict[str, list[Any]]:
    """Return the rows of the collection by goal."""
    rows = stored(name)
    return {goal: [row for row in rows if row["goal_id"] == goal] for goal in {row["goal_id"] for row in rows}}
