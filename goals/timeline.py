"""A goal's timeline: a row for each thing that happened to it, written together with the change.

An announcement and the results of its receivers are stored as one entry. Readers see a row for the announcement and a
row for each receiver (docs/adr/0030-timeline-entries.md).
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from django.dispatch import receiver

from api.request_id import current_request_id
from goals.models import TimelineEntry, TimelineKind
from mongodb.collections import quick_collection
from mongodb.transactions import in_transaction, insert_at_commit, moment_of_writing
from taskqueue.executions import TaskOutcome, task_finished

EPOCH = datetime.fromtimestamp(0, tz=UTC)
MICROSECOND = timedelta(microseconds=1)
ENTRIES = TimelineEntry._meta.db_table


def record(goal_id: str, kind: TimelineKind, name: str, outcome: str, detail: str = "") -> None:
    """Append a row when the open transaction commits, or at once if there is no transaction.

    Without a transaction, the write waits only for the primary. That is safe for a task, because the task acknowledges
    its message later. The acknowledgement waits for the majority, which by then has the row as well.
    """
    record_each([goal_id], kind, name, outcome, detail)


def record_each(
    goal_ids: Sequence[str],
    kind: TimelineKind,
    name: str,
    outcome: str,
    detail: str = "",
    *,
    request_ids: Sequence[str] = (),
) -> None:
    """Append the same row to the timelines of several goals.

    `request_ids` has an id for each goal. If it is empty, the rows get the id of the current request.
    """
    entries = [_entry(goal_id, kind, name, outcome, detail=detail, seq=next_seq()) for goal_id in goal_ids]
    for entry, request_id in zip(entries, request_ids, strict=False):
        entry["request_id"] = request_id
    if in_transaction():
        insert_at_commit(ENTRIES, *entries)
    elif entries:
        quick_collection(ENTRIES).insert_many(entries)


def record_announcement(goal_id: str, signal: str, answers: Mapping[str, str], *, announced_seq: int) -> None:
    """Append a row for a signal, and one for the result of each receiver, when the open transaction commits.

    `announced_seq` was taken before the receivers were called. So rows that the receivers wrote come after the signal's
    row, and before the rows of the results.
    """
    entry = _entry(goal_id, TimelineKind.SIGNAL, signal, "announced", detail="", seq=announced_seq)
    answered = {"answers": dict(answers), "answered_seq": next_seq(len(answers))}
    insert_at_commit(ENTRIES, entry | answered)


def next_seq(count: int = 1) -> int:
    """Reserve `count` numbers for new rows, and return the first number."""
    return _clock.next(count)


def moment(seq: int) -> datetime:
    """Return the moment that a row's `seq` stands for."""
    return datetime.fromtimestamp(seq / 1_000_000, tz=UTC)


def _entry(goal_id: str, kind: TimelineKind, name: str, outcome: str, *, detail: str, seq: int) -> dict[str, Any]:
    return {
        "_id": ObjectId(),
        "goal_id": goal_id,
        "seq": seq,
        "kind": kind.value,
        "name": name,
        "outcome": outcome,
        "detail": detail[:500],
        "request_id": current_request_id(),
    }


class _Clock:
    """Counts microseconds since 1970. Within a process, a number is always greater than those before it."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self, count: int) -> int:
        """Return the first of `count` new numbers."""
        with self._lock:
            first = max((moment_of_writing() - EPOCH) // MICROSECOND, self._last + 1)
            self._last = first + count - 1
            return first


_clock = _Clock()


@receiver(task_finished, dispatch_uid="goals.record_tasks")
def record_tasks(outcomes: Sequence[TaskOutcome], **_kwargs: object) -> None:
    """Append a row for the end of each task to the timeline of the goal that is its subject."""
    entries = [
        _entry(
            outcome.subject,
            TimelineKind.TASK,
            outcome.name,
            "done" if outcome.succeeded else "failed",
            detail=outcome.detail,
            seq=next_seq(),
        )
        | {"request_id": outcome.request_id}
        for outcome in outcomes
        if outcome.subject
    ]
    if entries:
        quick_collection(ENTRIES).insert_many(entries)
