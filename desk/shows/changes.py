"""The newest changes of a goal: who has changed what, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.safestring import SafeString

from api.admin_site import CHANGES
from api.models import ChangeRecord
from desk.changes.names import author_of, name_each
from desk.changes.words import action_label, differences
from desk.moments import at
from goals.models import Goal

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A change in words, with a line for each value that has changed."""

    at: SafeString
    who: str
    what: str
    lines: Sequence[str]
    reason: str


def newest_changes(goal: Goal) -> list[Change]:
    """Return the newest changes of the goal. One query reads the changes, and one the names of each kind of object."""
    records = list(ChangeRecord.objects.filter(subject_id=str(goal.pk)).order_by("-pk")[:SHOWN])
    names = name_each(records)
    return [
        Change(
            at=at(record.at),
            who=author_of(record, names),
            what=action_label(record.action),
            lines=differences(record.before, record.after),
            reason=record.reason,
        )
        for record in records
    ]


def changes_url(goal: Goal) -> str:
    """Return the address of the list with all changes of the goal."""
    return f"{reverse(CHANGES)}?of={goal.pk}"
