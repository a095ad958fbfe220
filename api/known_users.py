"""The users of recent requests, so that a caller of many requests is read from MongoDB about once a second.

Each process keeps what it has read for KEPT_SECONDS. So a change of an account, such as disabling it, takes effect in
all processes within a second (docs/adr/0042-known-users.md).
"""

import time
from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from django.contrib.auth.models import User

from mongodb.collections import collection
from mongodb.documents import instance

KEPT_SECONDS = 0.8
# They take about 10 MB.
MOST_KEPT = 10_000
USERS = User._meta.db_table


class KnownUsers:
    """The documents of active users, by id, each with the moment from when it is outdated."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def get(self, user_id: str) -> User | None:
        """Return the active user as of at most KEPT_SECONDS ago, or None. Each call returns another instance."""
        now = time.monotonic()
        until, document = self._kept.get(user_id, (now, None))
        if now >= until:
            document = self._read(user_id, until=now + KEPT_SECONDS)
        return None if document is None else instance(User, document)

    def forget(self) -> None:
        """Read every user again, as after KEPT_SECONDS."""
        self._kept.clear()

    def _read(self, user_id: str, *, until: float) -> Mapping[str, Any] | None:
        """Read the user. `until` counts from before the read, because the account may change just after it."""
        document: Mapping[str, Any] | None = collection(USERS).find_one({"_id": ObjectId(user_id), "is_active": True})
        if document is None:
            self._kept.pop(user_id, None)
        else:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[user_id] = until, document
        return document


known_users = KnownUsers()
