"""The version of a goal: 1 at its creation, and one more with each transaction that changes what clients see of it.

The restoration of a backup raises the version of held shows by more than one (goals/holding.py).

Every event of the goal has the version, so a client knows which of two events is newer (docs/adr/0019-event-id.md).
"""

from typing import Any

from pymongo import ReturnDocument

from api.etags import PreconditionFailed
from config.errors import raises
from goals.errors import TooManyChanges
from goals.models import DEFERRED, Goal
from mongodb.collections import Document, collection
from mongodb.documents import instance, without

# The next version, as a MongoDB expression. A goal that is stored without a version has version 1, so its next version
# is 2. `$inc` would store 1.
NEXT_VERSION: dict[str, Any] = {"$add": [{"$ifNull": ["$version", 1]}, 1]}


# Changes are limited, because each leaves some rows on the timeline for ever.
MOST_CHANGES = 1000


@raises(TooManyChanges)
def check_changes_left(goal: Goal) -> None:
    """Raise TooManyChanges if the goal was changed MOST_CHANGES times or more.

    Use cases call this before a change that could otherwise be repeated for ever.
    """
    if goal.version > MOST_CHANGES:
        raise TooManyChanges(goal_id=str(goal.pk))


def check_version(goal: Goal, version: int | None) -> None:
    """Raise PreconditionFailed if the caller has seen another version of the goal. None means any version."""
    if version not in (None, goal.version):
        raise PreconditionFailed(goal_id=str(goal.pk))


def change_goal(condition: Document, changes: dict[str, Any]) -> Goal | None:
    """Write the changes to the goal that meets the condition, and raise its version, in one update.

    Return the changed goal, or None if no goal meets the condition. A value may be NEXT_VERSION. Only the given fields
    and the version are written. `save()` would drop keys of the document that the model does not know.
    """
    changed = collection("goals").find_one_and_update(
        condition,
        [{"$set": {**_literal(changes), "version": NEXT_VERSION}}],
        without(DEFERRED),
        return_document=ReturnDocument.AFTER,
    )
    return instance(Goal, changed, deferred=DEFERRED) if changed else None


def _literal(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes with literal values. Otherwise, a title that begins with `$` would be an expression."""
    return {field: value if value is NEXT_VERSION else {"$literal": value} for field, value in changes.items()}
