"""Notes each change that a person makes to a goal as a row of its timeline, with the person and the values."""

import re
from collections.abc import Iterator
from datetime import datetime

from goals.models import Goal, TimelineKind, TimelineRow
from goals.states import CANCELLED
from goals.timeline import record

CHANGED_BY = "changed_by"
# A longer list would hide the latest changes, which matter most.
MOST_NOTES = 10
# How the detail of such a row begins.
_VERSION = re.compile("version ([0-9]+), ")


def note_change(use_case: str, before: Goal, after: Goal, *, by: str) -> None:
    """Append the row `{name: use case, outcome: "changed_by", detail: "version 3, staff mei: target 60 -> 90"}`.

    `by` is the role and the name of the person. If it is empty nothing is noted. Runs in the transaction of the change.
    """
    if by:
        changes = "; ".join(_changes(before, after))
        record(str(after.pk), TimelineKind.TASK, use_case, CHANGED_BY, f"version {after.version}, {by}: {changes}")


def notes_since(goal_id: str, version: int) -> list[str]:
    """Return the details of the rows about later versions, oldest first, but at most those of the last MOST_NOTES."""
    rows = TimelineRow.objects.filter(goal_id=goal_id, kind=TimelineKind.TASK, outcome=CHANGED_BY)
    noted = [(_VERSION.match(row.detail), row.detail) for row in rows.order_by("-seq")[:MOST_NOTES]]
    return [detail for match, detail in reversed(noted) if match and int(match[1]) > version]


def _changes(before: Goal, after: Goal) -> Iterator[str]:
    if CANCELLED.holds(after) and not CANCELLED.holds(before):
        yield "cancelled"
    if CANCELLED.holds(before) and not CANCELLED.holds(after):
        yield "revived"
    if before.nbf != after.nbf:
        yield f"nbf {_text(before.nbf)} -> {_text(after.nbf)}"
    if before.exp != after.exp:
        yield f"exp {_text(before.exp)} -> {_text(after.exp)}"
    old, new = before.levels[0], after.levels[0]
    if old.title != new.title:
        yield f'title "{old.title}" -> "{new.title}"'
    if old.target != new.target:
        yield f"target {old.target} -> {new.target}"


def _text(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "-"
