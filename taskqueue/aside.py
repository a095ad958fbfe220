"""Messages that can't be run are set aside under the key `<lane>-unreadable`, which no worker serves.

Either the package of such a message can't be read, or a field of the message has a wrong type, because a person or
another program has written it. A message with such a field is *odd*. If an odd message stayed in its lane, MongoDB
would refuse the claim of the whole batch, or the worker would fail on it again and again.
"""

import logging
import math
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from bson import MaxKey, MinKey, ObjectId
from bson.datetime_ms import DatetimeMS
from django.core.signing import BadSignature

from config import clock
from mongodb.collections import Document, collection, tolerant_collection
from mongodb.impatient import update_within
from taskqueue import bells
from taskqueue.messages import MESSAGES, RELEASED, UNREADABLE
from taskqueue.packages import read
from taskqueue.periodic import periodic_ids, periodic_names

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 150
# How long an update may take. An update would take longer if an open transaction, which moves or cancels a show, has
# deleted one of the messages.
MILLISECONDS = 25
# How long to rest after a pass over all messages of a lane that were set aside.
TRY_AGAIN_SECONDS = 30.0
# How many unreadable messages a pass remembers.
MOST_TRIED = 5000
MOST_ATTEMPTS = 1_000_000
_REQUIRED = {"_id": ObjectId, "key": str, "payload": str, "lock": datetime}
_TEXTS = ("name", "subject", "request_id")
_NUMBERS = ("attempts", "weight")
# The fields that `odd_field` looks at.
LOOKS_AT = (*_REQUIRED, *_TEXTS, *_NUMBERS)

# An `_id` of these types may hold text that is not UTF-8. Such text is decoded to different text, so a query for the
# decoded `_id` finds nothing.
_WITH_TEXT = ("string", "object", "symbol", "javascript", "javascriptWithScope", "dbPointer")
_NO_UTF8 = "\ufffd"

# Bounds of the ranges of the index `key_lock` that hold only odd messages. MongoDB sorts values by type: null, numbers,
# texts, objects, arrays, ..., dates, and others.
Bound = list[tuple[str, Any]]
EARLIEST = DatetimeMS(-(2**63))
YEAR_10000 = DatetimeMS(253_402_300_800_000)
AFTER_TEXTS: Document = {}


def odd_field(message: Document) -> str:
    """Return the name of a field whose value has a wrong type or is out of range, or "".

    A subclass of `str`, such as BSON's `Code`, is a wrong type, too.
    """
    for name, kind in _REQUIRED.items():
        if type(message.get(name)) is not kind:
            return name
    for name in _TEXTS:
        if type(message.get(name, "")) is not str:
            return name
    return next((name for name in _NUMBERS if not _is_number(message.get(name, 0))), "")


def without_odd(found: Sequence[Document], key: str) -> list[Document]:
    """Return the messages without the odd ones. Set the odd ones aside, unless a worker holds them."""
    odd = [(message, field) for message in found if (field := odd_field(message))]
    if not odd:
        return list(found)
    for message, field in odd:
        logger.error(
            "odd message=%s queue=%s field=%s type=%s", message["_id"], key, field, type(message.get(field)).__name__
        )
    put_aside([message for message, _field in odd], key)
    ids = [message["_id"] for message, _field in odd]
    return [message for message in found if message["_id"] not in ids]


def put_aside(messages: Collection[Document], key: str) -> None:
    """Move the messages out of the lane, except for those that a worker holds.

    If an open transaction has deleted one of the messages, some of them may stay. A message of a periodic task is
    deleted instead, because the task would not be queued again while the message exists.
    """
    periodic = [message["_id"] for message in messages if _is_periodic(message)]
    if periodic:
        collection(MESSAGES).delete_many({"_id": {"$in": periodic}, "owner": None})
    rest = {**_these(messages), "owner": None}
    away = {"$set": {"key": f"{key}{UNREADABLE}"}, "$unset": RELEASED}
    update_within(MESSAGES, rest, away, milliseconds=MILLISECONDS)


def sweep(keys: Sequence[str], *, default: str) -> None:
    """Set aside the messages that no worker finds, because their `key` or `lock` is odd; see `without_odd`.

    Messages with an odd key are set aside for the lane `default`. Messages with an odd owner are released.
    """
    for key in keys:
        after = [("key", f"{key}\0"), ("lock", MinKey())]
        without_odd(_between(_lock(key, MinKey()), _lock(key, EARLIEST)), key)
        without_odd(_between(_lock(key, YEAR_10000), after), key)
    without_odd(_between(_lock(MinKey(), MinKey()), _lock("", MinKey())), default)
    without_odd(_between(_lock(AFTER_TEXTS, MinKey())), default)
    held = tolerant_collection(MESSAGES).find({"owner": {"$ne": None}}, {"owner": True}).hint("owner")
    if odd := [message for message in held if _is_odd_owner(message["owner"])]:
        logger.error("messages of odd owners are released count=%s", len(odd))
        freed = {"$set": {"lock": clock.now(), "alone": True}, "$unset": RELEASED}
        update_within(MESSAGES, _these(odd), freed, milliseconds=MILLISECONDS)


class Pass:
    """One pass over the messages that were set aside under a key, the latest first.

    It remembers the messages that it could not read. Once there are MOST_TRIED of them, it forgets the later ones and
    goes on with earlier messages.
    """

    def __init__(self) -> None:
        self.up_to = datetime.max.replace(tzinfo=UTC)
        self.tried: dict[ObjectId, datetime] = {}
        self.over_at = math.inf

    def note(self, found: Sequence[Document], unreadable: Sequence[Document]) -> None:
        """Note the messages that were found, and those of them that could not be read."""
        self.tried |= {message["_id"]: message["lock"] for message in unreadable}
        if len(found) < MOST_AT_ONCE:
            self.over_at = min(self.over_at, time.monotonic() + TRY_AGAIN_SECONDS)
        elif len(self.tried) >= MOST_TRIED:
            self.up_to = found[-1]["lock"]
            self.tried = {tried: lock for tried, lock in self.tried.items() if lock == self.up_to}


class Tried:
    """Holds a pass for each key under which messages were set aside. After a pass and a rest, the next pass begins."""

    def __init__(self) -> None:
        self._passes: dict[str, Pass] = {}

    def of(self, key: str) -> Pass:
        """Return the key's pass that is under way, or a new one."""
        if key not in self._passes or time.monotonic() >= self._passes[key].over_at:
            self._passes[key] = Pass()
        return self._passes[key]


def take_back_readable(keys: Sequence[str], tried: Tried) -> int:
    """Put back messages that were set aside but that this release can read, the newest first. Return their number.

    During an upgrade, a worker of the earlier release can't read what the new release queues. Its attempts don't count,
    because it may take the same message many times.
    """
    aside = {f"{key}{UNREADABLE}": key for key in keys}
    found = tolerant_collection(MESSAGES).distinct("key", {"key": {"$in": list(aside)}})
    counts = {key: _take_back(name, key, tried.of(name)) for name, key in aside.items() if name in found}
    bells.ring(key for key, count in counts.items() if count)  # workers of the earlier release don't hear the bells
    return sum(counts.values())


def _take_back(name: str, key: str, under_way: Pass) -> int:
    untried = {"$type": "objectId", "$nin": [*under_way.tried]}
    others = {"key": name, "lock": {"$lte": under_way.up_to}, "_id": untried}  # excludes odd locks
    # Without the hint, MongoDB may choose to scan the primary key because of `$nin`.
    look = tolerant_collection(MESSAGES).find(others, dict.fromkeys(LOOKS_AT, True)).hint("key_lock")
    found = list(look.sort("lock", -1).limit(MOST_AT_ONCE))
    now, unreadable = clock.now(), []
    for message in found:
        if odd_field(message) or not _is_readable(message):
            unreadable.append(message)
            continue
        change = {"key": key, "lock": now, "attempts": max(0, int(message.get("attempts", 0)) - 1)}
        collection(MESSAGES).update_one({"_id": message["_id"], "key": name}, {"$set": change})
    under_way.note(found, unreadable)
    return len(found) - len(unreadable)


def _these(messages: Collection[Document]) -> Document:
    """Return a condition that matches the messages.

    If an `_id` is odd, the condition also matches all messages whose `_id` may hold text that is not UTF-8.
    """
    these: Document = {"_id": {"$in": [message["_id"] for message in messages]}}
    if all(type(message["_id"]) is ObjectId for message in messages):
        return these
    return {"$or": [these, {"_id": {"$type": _WITH_TEXT}}]}


def _is_odd_owner(owner: object) -> bool:
    return type(owner) is not str or _NO_UTF8 in owner


def _is_readable(message: Document) -> bool:
    """Tell whether this release can read the package, and the package is for the task that the message names."""
    try:
        return bool(read(message["payload"])["name"] == message.get("name"))
    except (BadSignature, ValueError, KeyError, TypeError):
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_ATTEMPTS


def _is_periodic(message: Document) -> bool:
    return message["_id"] in periodic_ids() or message.get("name") in [*periodic_names()]


def _between(low: Bound, high: Bound | None = None) -> list[Document]:
    """Return messages whose entries in the index `key_lock` are not below `low` and, if `high` is given, are below it.

    At most MOST_AT_ONCE messages are returned. Without `high`, there may be as many more with the key MaxKey.
    """
    messages, looks = tolerant_collection(MESSAGES), dict.fromkeys(LOOKS_AT, True)
    found = messages.find({}, looks).hint("key_lock").min(low).limit(MOST_AT_ONCE)
    if high:
        return list(found.max(high))
    last = messages.find({"key": MaxKey()}, looks).limit(MOST_AT_ONCE)  # the range leaves out MaxKey itself
    return [*found, *last]


def _lock(key: Any, lock: Any) -> Bound:
    return [("key", key), ("lock", lock)]
