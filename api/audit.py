"""The record of changes: who changed what, when and why, the values before and after, and the request.

A use case records its change in its own transaction, so there is a record if and only if there is a change
(docs/adr/0061-record-of-changes.md). A record names people by their ids only. The author of a change may write names
into the reason, so `manage.py forget_user` empties the reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model

from api.models import AuthorRole, ChangeRecord
from api.request_id import current_request_id
from api.server_keys import Server
from config import clock
from mongodb.collections import collection
from mongodb.documents import new_id
from mongodb.transactions import in_transaction, insert_at_commit

RECORDS = ChangeRecord._meta.db_table
REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change: a streamer, a member of staff, or a partner's server, known by its key."""

    role: AuthorRole
    id: str
    name: str

    def __str__(self) -> str:
        """Return what timelines call the author: `staff mei`, `streamer mei`, or `staff key: NAME`."""
        role = AuthorRole.STAFF if self.role == AuthorRole.KEY else self.role
        return f"{role.value} {self.name}"


def author(user: Any, *, owner_id: str = "") -> Author:
    """Return the user of a request as an author: a key, the streamer if `owner_id` is the user's id, or else staff."""
    if isinstance(user, Server):
        return Author(AuthorRole.KEY, str(user.pk), user.get_username())
    role = AuthorRole.STREAMER if str(user.pk) == owner_id else AuthorRole.STAFF
    return Author(role, str(user.pk), User.get_username(user))


def record_change(
    action: str,
    subject: Model | type[Model],
    *,
    by: Author,
    subject_id: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    about: Iterable[str] = (),
    reason: str = "",
) -> None:
    """Record a change of the subject in the open transaction, or immediately if there is none.

    `action` is the name of the use case. `subject_id` is needed if the subject is a class. `before` and `after`
    have the values that differ, without secrets, and without the data that `forget_user` removes from users. `about`
    has the ids of the users whom the change concerns.
    """
    record = {
        "_id": new_id(),
        "at": clock.now(),
        "action": action,
        "by_role": by.role.value,
        "by_id": by.id,
        "subject_type": subject._meta.concrete_model._meta.label_lower,  # type: ignore[union-attr]
        "subject_id": subject_id or str(subject.pk),
        "about": list(about),
        "before": dict(before or {}),
        "after": dict(after or {}),
        "reason": reason[:REASON_LENGTH],
        "request_id": current_request_id(),
    }
    if in_transaction():
        insert_at_commit(RECORDS, record)
    else:
        collection(RECORDS).insert_one(record)


def forget_reasons(user_id: str) -> None:
    """Empty the reasons of changes that concern the user, because their authors may have named the user in them."""
    collection(RECORDS).update_many({"about": user_id}, {"$set": {"reason": ""}})
