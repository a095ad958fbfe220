"""Tasks with at most one waiting message for each subject. A waiting message can be replaced or withdrawn.

The waiting messages are deleted by the last write of the transaction, shortly before the commit. Until the commit, the
claims of all workers have to skip these messages (`broker.py`), which takes time.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo import DeleteMany

from mongodb.collections import Document, collection, tolerant_collection
from mongodb.transactions import in_transaction, write_last
from taskqueue.messages import MESSAGES, put

# The name of a task, and a subject.
Target = tuple[str, str]


def replace(entry: Document) -> None:
    """Insert the message and delete those that wait for the same task and subject.

    Both are done with the commit of the open transaction, or at once if there is none.
    """
    put(entry)
    _keep_only((entry["name"], entry["subject"]), entry["_id"])


def withdraw(name: str, subject: str) -> None:
    """Delete the messages that wait for the task and the subject, at the moment when `replace` would delete them."""
    _keep_only((name, subject), None)


def waits_until(name: str, subject: str) -> datetime | None:
    """Return when the earliest message that waits for the task and the subject is due; None if none waits."""
    waiting = {"subject": subject, "name": name, "owner": None}
    found = tolerant_collection(MESSAGES).find(waiting, {"lock": True})
    due = [each["lock"] for each in found if isinstance(each.get("lock"), datetime)]  # others are odd (`aside.py`)
    return min(due).replace(tzinfo=UTC) if due else None


def _keep_only(target: Target, message_id: ObjectId | None) -> None:
    if not target[1]:
        raise ValueError(f"{target[0]}: a message that can be replaced needs a subject")
    if in_transaction():
        write_last(_delete_others, target, message_id)
    else:
        _delete_others({target: message_id})


def _delete_others(kept: Mapping[Target, ObjectId | None]) -> None:
    """Delete the messages of each target, except for the one that is kept, in one round-trip.

    A message that a worker holds is left alone, because its task notices that it is outdated. If it were deleted here,
    the worker, which deletes it in the end, would have to wait for the commit, and could start no other show meanwhile.
    If a worker claims a message at this moment, the transaction meets a write conflict, and its retry sees the claim.
    """
    subjects = defaultdict[str, list[str]](list)
    for name, subject in kept:
        subjects[name].append(subject)
    ids = [message_id for message_id in kept.values() if message_id]
    waiting: dict[str, Any] = {"owner": None, "_id": {"$nin": ids}}
    # Without the hint, MongoDB may choose to scan the primary key because of `$nin`.
    collection(MESSAGES).bulk_write(
        [
            DeleteMany({**waiting, "name": name, "subject": {"$in": some}}, hint="subject")
            for name, some in subjects.items()
        ]
    )
