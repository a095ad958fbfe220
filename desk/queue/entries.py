"""Reads the newest failed tasks, and the messages that are due first, up to a limit."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId
from django.db import models
from django.utils.translation import gettext_lazy as _

from mongodb.collections import Document, tolerant_collection
from mongodb.tolerant import as_moment, as_number, as_text
from taskqueue.aside import LOOKS_AT
from taskqueue.messages import MESSAGES, UNREADABLE
from taskqueue.results import RESULTS, shown, without_halves

MOST_READ = 1000
# This is enough for the first line of an error, which stands before the traceback.
READ_CHARACTERS = 300
TRACEBACK = " : Traceback"
# A message is late if no worker has taken it this long after it was due.
LATE_AFTER = timedelta(seconds=30)
# Ids are replaced, so that errors with the same cause become equal.
_ID = re.compile(r"\b[0-9a-f]{24,}\b")
_FACTS = dict.fromkeys(("key", "name", "subject", "lock", "owner", "attempts"), True)
# If a JSON escape such as `\u2026` was cut off, at most this many of its characters are left. An emoji is written as
# two escapes, so a cut between them leaves half of the emoji.
_CUT_CHARACTERS = len(r"\u000")
_FIRST_HALF = re.compile("[\ud800-\udbff]$")


class Situation(models.TextChoices):
    """What is happening to a message in the queue."""

    LATE = "late", _("should have been taken")
    RUNNING = "running", _("a worker is running it")
    WAITING = "waiting", _("waits")
    ASIDE = "aside", _("set aside, because no worker can read it")


@dataclass(frozen=True, slots=True)
class Entry:
    """A failed task, or a message, which is a task in the queue.

    `at` is when the task failed, or when the message is due. `subject` is the id of its goal, or "". Any field may be
    empty, because a person or another program may have written the row.
    """

    entry_id: str
    task: str
    subject: str
    at: datetime | None
    error: str = ""
    situation: Situation = Situation.WAITING
    attempts: int = 0


def failed_entries() -> list[Entry]:
    """Return the newest failed tasks, at most MOST_READ."""
    is_text = {"$eq": [{"$type": "$result"}, "string"]}
    text = {"$cond": [is_text, {"$substrCP": ["$result", 0, READ_CHARACTERS]}, ""]}
    fields = {"_id": False, "id": True, "func": True, "group": True, "stopped": True, "attempt_count": True}
    pipeline = [
        {"$match": {"success": False}},
        {"$sort": {"stopped": -1}},
        {"$limit": MOST_READ},
        {"$project": {**fields, "text": text}},
    ]
    return [
        Entry(
            entry_id=as_text(row.get("id")),
            task=as_text(row.get("func")),
            subject=as_text(row.get("group")),
            at=as_moment(row.get("stopped")),
            error=first_line(row["text"]),
            attempts=as_number(row.get("attempt_count")) or 0,
        )
        for row in tolerant_collection(RESULTS).aggregate(pipeline)
    ]


def waiting_entries(*, now: datetime) -> list[Entry]:
    """Return the messages that are due first, at most MOST_READ."""
    found = tolerant_collection(MESSAGES).find({"key": {"$in": keys()}}, _FACTS).sort("lock", 1).limit(MOST_READ)
    return [
        Entry(
            entry_id=str(row["_id"]) if isinstance(row["_id"], ObjectId) else "",
            task=as_text(row.get("name")),
            subject=as_text(row.get("subject")),
            at=as_moment(row.get("lock")),
            situation=situation(row, now=now),
            attempts=as_number(row.get("attempts")) or 0,
        )
        for row in found
    ]


def keys() -> list[str]:
    """Return all keys that messages have. A query with these keys finds the messages in the order of an index."""
    return [key for key in tolerant_collection(MESSAGES).distinct("key") if type(key) is str]


def messages_of(subject: str) -> list[ObjectId]:
    """Return the ids of the messages about the goal, at most MOST_READ."""
    found = tolerant_collection(MESSAGES).find({"subject": subject}, {"_id": True}).limit(MOST_READ)
    return [row["_id"] for row in found if isinstance(row["_id"], ObjectId)]


def facts_of(message_ids: Sequence[object]) -> dict[str, Document]:
    """Return the stored fields of the messages, by id. They include all fields that `odd_field` checks."""
    fields = _FACTS | dict.fromkeys(LOOKS_AT, True)
    found = tolerant_collection(MESSAGES).find({"_id": {"$in": list(message_ids)}}, fields)
    return {str(row["_id"]): row for row in found}


def situation(row: Document, *, now: datetime) -> Situation:
    """Return what is happening to the message."""
    due, key = as_moment(row.get("lock")), row.get("key")
    if due is None or not isinstance(key, str) or key.endswith(UNREADABLE):
        return Situation.ASIDE
    if row.get("owner"):
        return Situation.RUNNING
    return Situation.LATE if due < now - LATE_AFTER else Situation.WAITING


def first_line(stored: object) -> str:
    """Return the first line of a stored error, with … in place of ids, so that errors with the same cause are equal.

    The end of the stored text may be cut off.
    """
    if not isinstance(stored, str) or not stored.startswith('"'):
        return shown(stored)
    line = _text_of(stored).partition(TRACEBACK)[0].partition("\n")[0]
    return _ID.sub("…", line.strip())


def _text_of(stored: str) -> str:
    """Return the text that the JSON string contains. Drop the last character if the string was cut off inside it."""
    for cut in (stored, *(f'{stored[: len(stored) - missing]}"' for missing in range(_CUT_CHARACTERS + 1))):
        with suppress(ValueError):
            return without_halves(_FIRST_HALF.sub("", json.loads(cut)))
    return stored
