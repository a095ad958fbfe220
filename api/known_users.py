"""The users of recent requests. Each process reads a user from MongoDB at most about once a second.

Each process keeps what it has read for KEPT_SECONDS. So a change to an account, such as disabling it or ending its
tokens, takes effect in all processes within a second (docs/adr/0042-known-users.md).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from bson import ObjectId
from django.contrib.auth.models import User

from api.models import Account
from api.tokens import Claims
from mongodb.collections import collection
from mongodb.documents import instance

KEPT_SECONDS = 0.8
# Each process keeps at most this many users, which takes about 10 MB.
MOST_KEPT = 10_000
USERS = User._meta.db_table
# This stage reads the user's account in the same round-trip as the user.
WITH_ACCOUNT = {
    "$lookup": {"from": Account._meta.db_table, "localField": "_id", "foreignField": "_id", "as": "account"}
}


@dataclass(frozen=True, slots=True)
class KnownUser:
    """A user as stored, with the epoch of the account and the ids of the sign-ins that ended lately."""

    document: Mapping[str, Any]
    epoch: int
    signed_out: frozenset[str]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the user from a document that a query with WITH_ACCOUNT has read.

        Without an account document, the epoch is 0.
        """
        account = document["account"][0] if document["account"] else {}
        return cls(document, account.get("epoch", 0), frozenset(account.get("signed_out", ())))

    def user(self) -> User:
        """Return a new instance on each call."""
        return instance(User, self.document)


class KnownUsers:
    """Active users by id, each with the time from which it is outdated."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, KnownUser]] = {}

    def get(self, user_id: str) -> User | None:
        """Return the active user as read at most KEPT_SECONDS ago, or None if there is no active user with this id."""
        known = self._get(user_id)
        return None if known is None else known.user()

    def holder(self, claims: Claims) -> User | None:
        """Return the active user of a token, as read at most KEPT_SECONDS ago.

        Return None if there is no such user, or if the token was ended.
        """
        known = self._get(claims.user_id)
        if known is not None and claims.epoch > known.epoch:
            # The token was issued after this process read the user.
            known = self._read(claims.user_id, until=time.monotonic() + KEPT_SECONDS)
        if known is None or claims.epoch != known.epoch or claims.sign_in in known.signed_out:
            return None
        return known.user()

    def forget(self, user_id: str = "") -> None:
        """Forget the user, or every user, so that the next call reads them from MongoDB."""
        if user_id:
            self._kept.pop(user_id, None)
        else:
            self._kept.clear()

    def _get(self, user_id: str) -> KnownUser | None:
        now = time.monotonic()
        until, known = self._kept.get(user_id, (now, None))
        return known if now < until else self._read(user_id, until=now + KEPT_SECONDS)

    def _read(self, user_id: str, *, until: float) -> KnownUser | None:
        """Read, keep and return the user, or return None if there is no active user with this id.

        Callers compute `until` before the read, because the account may change right after the read.
        """
        active = {"$match": {"_id": ObjectId(user_id), "is_active": True}}
        found = next(collection(USERS).aggregate([active, WITH_ACCOUNT]), None)
        if found is None:
            self._kept.pop(user_id, None)
            return None
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        known = KnownUser.of(found)
        self._kept[user_id] = until, known
        return known


known_users = KnownUsers()
