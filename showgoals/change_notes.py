"""Notes each change that a person makes to a goal, both on the goal's timeline and in the record of changes."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from api.audit import Author, record_change
from goals.models import Goal, TimelineKind, TimelineRow
from goals.states import CANCELLED
from goals.timeline import record

CHANGED_BY = "changed_by"
# A longer list would hide the latest changes, which matter most.
MOST_NOTES = 10
# The beginning of the detail of a row that `note_change` has written.
_VERSION = re.compile("version ([0-9]+), ")


def note_change(use_case: str, before: Goal, after: Goal, *, by: Author | None, reason: str = "") -> None:
    """Append the row `{name: use case, outcome: "changed_by", detail: "version 3, staff mei: target 60 -> 90"}`.

    Also write the change and its `reason` to the record of changes. If `by` is None, no person has made the change, and
    nothing is noted. Runs in the transaction of the change.
    """
    if by is None:
        return
    old, new = _facts(before), _facts(after)
    differing = [name for name in old if old[name] != new[name]]
    changes = "; ".join(_sentences(differing, old, new))
    record(str(after.pk), TimelineKind.TASK, use_case, CHANGED_BY, f"version {after.version}, {by}: {changes}")
    former, present = ({name: facts[name] for name in differing} for facts in (old, new))
    about = [after.metadata.user_id]
    record_change(use_case, after, by=by, before=former, after=present, about=about, reason=reason)


def notes_since(goal_id: str, version: int) -> list[str]:
    """Return the details of the latest rows about versions later than `version`: at most MOST_NOTES, oldest first."""
    rows = TimelineRow.objects.filter(goal_id=goal_id, kind=TimelineKind.TASK, outcome=CHANGED_BY)
    noted = [(_VERSION.match(row.detail), row.detail) for row in rows.order_by("-seq")[:MOST_NOTES]]
    return [detail for match, detail in reversed(noted) if match and int(match[1]) > version]


def _facts(goal: Goal) -> dict[str, Any]:
    """Return the facts of the goal that a person can change."""
    level = goal.levels[0]
    return {
        "cancelled": CANCELLED.holds(goal),
        "nbf": _text(goal.nbf),
        "started": _text(goal.context.started),
        "started_by": goal.context.started_by or "-",
        "exp": _text(goal.exp),
        "title": level.title,
        "target": level.target,
    }


def _sentences(differing: list[str], old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in differing:
        if name == "cancelled":
            yield "cancelled" if new[name] else "revived"
        elif name == "title":
            yield f'title "{old[name]}" -> "{new[name]}"'
        else:
            yield f"{name} {old[name]} -> {new[name]}"


def _text(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "-"
