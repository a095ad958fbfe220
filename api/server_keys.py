"""Keys with which partners' servers call the API. Staff make them in the admin (docs/adr/0057-server-keys.md).

A key is random and long, so a plain hash of it is enough. Only the hash is stored. Each process keeps what it has read
for KEPT_SECONDS, so a key that is revoked is refused everywhere within a second.
"""

import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, timedelta
from hashlib import sha256

from bson import ObjectId

from api.models import ServerKey
from config import clock
from mongodb.collections import Document, collection, connection, quick_collection

MARK = "sk_"
LENGTH = len(MARK) + 43
SHOWN_CHARACTERS = 8
KEPT_SECONDS = 0.8
# Each process keeps at most this many keys, which take less than a megabyte.
MOST_KEPT = 1000
NOTED_EVERY = timedelta(minutes=1)
KEYS = ServerKey._meta.db_table


@dataclass(frozen=True, slots=True)
class Server:
    """The caller of a request with a key, in place of a user.

    It has every permission, because `MayCall` has checked its scopes.
    """

    pk: ObjectId
    name: str
    scopes: frozenset[str]
    is_staff: bool = True
    is_active: bool = True

    def get_username(self) -> str:
        """Return the name of the key, as decisions and records show it."""
        return f"key: {self.name}"

    def has_perm(self, _permission: str) -> bool:
        """Return True, because `MayCall` has let the call pass."""
        return True


def new_key() -> str:
    """Return a new key, which nobody can guess."""
    return f"{MARK}{secrets.token_urlsafe(32)}"


def digest(key: str) -> str:
    """Return the hash of the key, which is stored in its place."""
    return sha256(key.encode()).hexdigest()


def is_key(text: str) -> bool:
    """Tell whether the text looks like a key, and not like a token."""
    return text.startswith(MARK) and len(text) == LENGTH and text.isascii()


class KnownKeys:
    """The keys of recent requests, by digest, each with the time from which it is outdated."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Server]] = {}

    def get(self, key: str) -> Server | None:
        """Return the key's server, as read at most KEPT_SECONDS ago, or None if the key is unknown or revoked."""
        hashed, now = digest(key), time.monotonic()
        until, server = self._kept.get(hashed, (now, None))
        return server if now < until else self._read(hashed, until=now + KEPT_SECONDS)

    def forget(self) -> None:
        """Forget all keys, so that each is read again."""
        self._kept.clear()

    def _read(self, hashed: str, *, until: float) -> Server | None:
        found: Document | None = quick_collection(KEYS).find_one({"digest": hashed, "revoked_at": None})
        if found is None:
            self._kept.pop(hashed, None)
            return None
        _note_use(found)
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        server = Server(found["_id"], found["name"], frozenset(found["scopes"]))
        self._kept[hashed] = until, server
        return server


known_keys = KnownKeys()


def revoke(keys: Collection[ServerKey]) -> list[ServerKey]:
    """Revoke the keys, and return those that were not revoked before.

    The function is idempotent, and runs in the caller's transaction.
    """
    revoked = [key for key in keys if _revoke(key)]
    connection.on_commit(known_keys.forget)
    return revoked


def _revoke(key: ServerKey) -> bool:
    now = {"$set": {"revoked_at": clock.now()}}
    return bool(collection(KEYS).update_one({"_id": key.pk, "revoked_at": None}, now).modified_count)


def _note_use(found: Document) -> None:
    """Store the time at which the key was used, at most about once a minute."""
    now, last = clock.now(), found.get("last_used_at")
    if last is None or now - last.replace(tzinfo=UTC) > NOTED_EVERY:
        quick_collection(KEYS).update_one({"_id": found["_id"]}, {"$set": {"last_used_at": now}})
