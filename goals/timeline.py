"""A goal's timeline: one row for each thing that happened to it, written with the change it tells of."""

import threading
import time
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from django.db import models
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from api.request_id import LONGEST, current_request_id
from config.transactions import in_transaction, insert_at_commit, quick_collection
from taskqueue.outcomes import TaskOutcome, task_finished


class TimelineKind(models.TextChoices):
    """What a row tells of."""

    SIGNAL = "signal", _("signal")
    RECEIVER = "receiver", _("receiver")
    TASK = "task", _("task")
    DELIVERY = "delivery", _("delivery")
    RECORDING = "recording", _("recording")


class TimelineEntry(models.Model):
    """A row. `seq` (microseconds since 1970, rising within a process) orders a goal's rows.

    `request_id` is the request whose work wrote it, itself or by a task; it isn't on the wire (docs/adr/0025).
    """

    goal_id = models.CharField(max_length=24)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=10, choices=TimelineKind.choices)
    name = models.CharField(max_length=100)
    outcome = models.CharField(max_length=40)
    detail = models.CharField(max_length=500)
    request_id = models.CharField(max_length=LONGEST, null=True)

    class Meta:
        db_table = "goal_timeline"
        ordering = ("goal_id", "seq")
        indexes = (models.Index(fields=["goal_id", "seq"], name="goal_seq"),)

    def __str__(self) -> str:
        return f"{self.goal_id} {self.kind} {self.name}: {self.outcome}"

    @property
    def at_ms(self) -> int:
        """When it happened, in Unix milliseconds."""
        return self.seq // 1000


def record(goal_id: str, kind: TimelineKind, name: str, outcome: str, detail: str = "") -> None:
    """Append a row: with the commit of the open transaction, or at once where there is none.

    At once is in a task: it waits for one server, for its acknowledgement waits for the majority, and so for the row.
    """
    row = _row(goal_id, kind, name, outcome, detail)
    if in_transaction():
        insert_at_commit(TimelineEntry._meta.db_table, row)
    else:
        quick_collection(TimelineEntry._meta.db_table).insert_one(row)


def moment(seq: int) -> datetime:
    """Return a row's `seq` as a moment."""
    return datetime.fromtimestamp(seq / 1_000_000, tz=UTC)


def _row(goal_id: str, kind: TimelineKind, name: str, outcome: str, detail: str) -> dict[str, Any]:
    return {
        "_id": ObjectId(),
        "goal_id": goal_id,
        "seq": _clock.next(),
        "kind": kind.value,
        "name": name,
        "outcome": outcome,
        "detail": detail[:500],
        "request_id": current_request_id(),
    }


class _Clock:
    """Microseconds since 1970 that never repeat or step back within a process."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self._last = max(time.time_ns() // 1000, self._last + 1)
            return self._last


_clock = _Clock()


@receiver(task_finished, dispatch_uid="goals.record_task")
def record_task(outcome: TaskOutcome, **_kwargs: object) -> None:
    """Put a task's end on the timeline of the goal that is its subject."""
    if outcome.subject:
        result = "done" if outcome.succeeded else "failed"
        record(outcome.subject, TimelineKind.TASK, outcome.name, result, outcome.detail)
