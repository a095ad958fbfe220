"""A goal's timeline, newest first, one page at a time.

The pages read the stored entries, not the rows of the view `timeline_rows`. An index has the entries in this order, so
MongoDB reads only the entries of the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.http import urlencode

from desk.shows.outcomes import outcome_in_words
from goals.models import Goal, TimelineEntry, TimelineKind
from goals.timeline import moment

ENTRIES_A_PAGE = 50
KIND, BEFORE = "kind", "before"
# No stored entry has the kind `receiver`, because the results of receivers are part of the announcement's entry.
KINDS = tuple(kind for kind in TimelineKind if kind is not TimelineKind.RECEIVER)
LARGEST_SEQ = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """An entry. `answers` has the names and the results of an announcement's receivers."""

    at: datetime
    kind: str
    name: str
    outcome: str
    detail: str
    request_id: str
    answers: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Some rows, the available filters, and the query string of the next page ("" if there are no older rows)."""

    rows: Sequence[Row]
    kinds: Sequence[tuple[str, object, bool]]
    older: str
    is_newest: bool


def timeline_page(goal: Goal, asked: Any) -> TimelinePage:
    """Return the page that the query parameters ask for. An unknown `kind` and an invalid `before` are ignored."""
    kind = asked.get(KIND, "") if asked.get(KIND, "") in KINDS else ""
    before = asked.get(BEFORE, "")
    entries = TimelineEntry.objects.filter(goal_id=str(goal.pk))
    if kind:
        entries = entries.filter(kind=kind)
    is_place = before.isascii() and before.isdecimal() and int(before[:20]) <= LARGEST_SEQ
    if is_place:
        entries = entries.filter(seq__lt=int(before))
    found = list(entries.order_by("-seq")[: ENTRIES_A_PAGE + 1])
    shown = found[:ENTRIES_A_PAGE]
    older = urlencode({KIND: kind, BEFORE: shown[-1].seq}) if len(found) > ENTRIES_A_PAGE else ""
    kinds = [(each.value, each.label, each.value == kind) for each in KINDS]
    return TimelinePage([_row(entry) for entry in shown], kinds, older, is_newest=not is_place)


def _row(entry: TimelineEntry) -> Row:
    return Row(
        at=moment(entry.seq),
        kind=str(TimelineKind(entry.kind).label),
        name=entry.name,
        outcome=outcome_in_words(entry.outcome),
        detail=entry.detail,
        request_id=entry.request_id or "",
        answers=[(name, outcome_in_words(outcome)) for name, outcome in (entry.answers or {}).items()],
    )
