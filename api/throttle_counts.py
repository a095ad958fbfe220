"""Counts of requests in windows of time, which all processes share (docs/adr/0024-limits.md).

MongoDB has one document for each caller and window: `{_id: "{key}:{number of the window}", count, expires_at}`. If some
of the requests may still be taken back, `pending` is their number. All processes change the document with an atomic
`$inc`. A TTL index deletes it.
"""

import logging
import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import Any
from zlib import crc32

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from api.models import ThrottleCount
from mongodb.collections import Document, connection

logger = logging.getLogger(__name__)

UNIT_SECONDS = {"s": 1, "min": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(rf"([1-9][0-9]{{0,8}})/({'|'.join(UNIT_SECONDS)})")
COLLECTION = ThrottleCount._meta.db_table
# A `Tally` writes a caller's requests in batches, each slightly larger than 1/UNSEEN_SHARE of the rate. So if the
# rate allows at least UNSEEN_SHARE requests, callers with one request each cause no writes, however many they are.
UNSEEN_SHARE = 50
# A process remembers this many windows, which takes about 15 MB. If there are more, it forgets all counts. Each caller
# then gains at most a fiftieth of its rate.
MOST_REMEMBERED = 50_000
# If a caller is refused only because some requests are undecided, it is told to wait for one of these times. Most of
# these requests are decided by then.
MOMENT_SECONDS = (1, 2, 3)


@dataclass(frozen=True)
class Rate:
    """A limit: a number of requests in a number of seconds."""

    requests: int
    seconds: int


@cache
def parse_rate(text: str) -> Rate:
    """Return the rate that a text such as `600/min` stands for. Raises ValueError for any other text."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a rate")
    return Rate(int(match[1]), UNIT_SECONDS[match[2]])


@dataclass(frozen=True)
class Window:
    """A period in which a key's requests are counted together. Different keys' periods begin at different moments."""

    id: str
    ends_at: datetime
    seconds_left: int


def window_of(key: str, rate: Rate, *, now: datetime) -> Window:
    """Return the window of the key at the moment `now`.

    The windows of different keys end at different moments, so refused callers do not all come back at the same time.
    """
    seconds = int(now.timestamp())
    offset = crc32(key.encode()) % rate.seconds
    number, passed = divmod(seconds + offset, rate.seconds)
    left = rate.seconds - passed
    return Window(f"{key}:{number}", datetime.fromtimestamp(seconds + left, UTC), left)


def spend(key: str, rate: Rate, *, now: datetime) -> int:
    """Count one request in the database immediately, unlike a `Tally`.

    `keep` or `give_back` decides later whether the request stays counted. Return 0 if the request is counted, else the
    seconds to wait. If the limit is reached only with undecided requests, some of them may be taken back, so the wait
    is short. Otherwise the wait lasts until the next window.
    """
    window = window_of(key, rate, now=now)
    counted = _change(window, count=1, pending=1)
    if counted["count"] <= rate.requests:
        return 0
    _change(window, count=-1, pending=-1)
    if counted["count"] - counted["pending"] < rate.requests:
        return random.choice(MOMENT_SECONDS)  # noqa: S311 - jitter, not a secret
    _log_refusal(key, window)
    return window.seconds_left


def keep(key: str, rate: Rate, *, now: datetime) -> None:
    """Decide that a request that `spend` has counted stays counted."""
    _change(window_of(key, rate, now=now), pending=-1)


def give_back(key: str, rate: Rate, *, now: datetime) -> None:
    """Take back one request that `spend` has counted."""
    _change(window_of(key, rate, now=now), count=-1, pending=-1)


@dataclass(slots=True)
class _Seen:
    unreported: int = 0
    is_spent: bool = False


class Tally:
    """Counts in the process and writes to the database in batches, so that only a few requests cost a round-trip.

    Each process may let through some requests that other processes don't know of yet, up to a fiftieth of the rate. A
    caller over the rate is refused without a query until the window ends, so a flood costs the database nothing.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: dict[str, _Seen] = {}

    def spend(self, key: str, rate: Rate, *, now: datetime) -> int:
        """Count one request. Returns 0, or the seconds to wait."""
        window = window_of(key, rate, now=now)
        with self._lock:
            seen = self._of(window)
            if seen.is_spent:
                return window.seconds_left
            seen.unreported += 1
            if seen.unreported <= rate.requests // UNSEEN_SHARE:
                return 0
            batch, seen.unreported = seen.unreported, 0
        if _change(window, count=batch)["count"] <= rate.requests:
            return 0
        seen.is_spent = True
        _log_refusal(key, window)  # once for each window, so that a flood doesn't fill the log
        return window.seconds_left

    def forget(self) -> None:
        """Forget all counts of this process."""
        with self._lock:
            self._seen.clear()

    def _of(self, window: Window) -> _Seen:
        if window.id not in self._seen and len(self._seen) >= MOST_REMEMBERED:
            self._seen.clear()
        return self._seen.setdefault(window.id, _Seen())


def _log_refusal(key: str, window: Window) -> None:
    logger.info("throttled %s for=%ss", key, window.seconds_left)


def _change(window: Window, **by: int) -> Document:
    """Add to the shared counts and return them."""
    # The acknowledgement of one MongoDB server is enough: if a count is lost in an election, that does no harm.
    counts = connection.get_collection(COLLECTION, write_concern=WriteConcern(1))
    change = {"$inc": by, "$setOnInsert": {"expires_at": window.ends_at}}
    how: dict[str, Any] = {"upsert": True, "return_document": ReturnDocument.AFTER}
    try:
        document: Document = counts.find_one_and_update({"_id": window.id}, change, **how)
    except DuplicateKeyError:  # two processes have inserted the window's first count at the same moment
        document = counts.find_one_and_update({"_id": window.id}, change, **how)
    return document
