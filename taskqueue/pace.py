"""The pace of the calls to a vendor that limits calls per second, kept across all processes and hosts.

One document for each vendor says when its next slot is free: `{_id: "byteplus", next_ms}`, in milliseconds of the
database's clock. One command reserves a block of slots. A process that dies loses the slots that it has reserved, which
cover at most a tenth of a second.
"""

import time
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from config.vendor_calls import Reserve
from mongodb.collections import Document, quick_collection
from taskqueue.models import VendorPace

PACES = VendorPace._meta.db_table
# Calls do not all take the same time to reach the vendor, so they are sent a little more slowly than it allows.
SPARE = 1.06
# The more slots a process reserves in one block, the longer a more urgent call of another process waits.
BLOCK_SECONDS = 0.1
# If the next slot is further ahead than this, the database's clock has been set back, and the pace begins anew.
LONGEST_AHEAD_MS = 60_000


def pace_of(vendor: str, per_second: int) -> Reserve | None:
    """Return the function that reserves slots for calls to the vendor, or None if `per_second` is 0 (no limit)."""
    if not per_second:
        return None
    interval = SPARE / per_second
    most = max(1, int(BLOCK_SECONDS * per_second))

    def reserve(wanted: int) -> list[float]:
        count = min(wanted, most)
        wait = _reserve(vendor, milliseconds=count * interval * 1000)
        first = time.monotonic() + wait
        return [first + number * interval for number in range(count)]

    return reserve


def _reserve(vendor: str, *, milliseconds: float) -> float:
    """Move the vendor's next free slot by `milliseconds`. Return the seconds to wait for the first reserved slot."""
    asked_at = time.monotonic()
    try:
        reserved = _move_next(vendor, milliseconds)
    except DuplicateKeyError:  # two processes have made the vendor's first call at the same moment
        reserved = _move_next(vendor, milliseconds)
    # The database is assumed to have read its clock in the middle of the round-trip.
    since = (time.monotonic() - asked_at) / 2
    ahead: float = reserved["first_ms"] - reserved["now_ms"]
    return max(0.0, ahead / 1000 - since)


def _move_next(vendor: str, milliseconds: float) -> Document:
    is_ahead = {"$gt": ["$next_ms", "$now_ms"]}
    is_plausible = {"$lt": ["$next_ms", {"$add": ["$now_ms", LONGEST_AHEAD_MS]}]}
    first = {"$cond": [{"$and": [is_ahead, is_plausible]}, "$next_ms", "$now_ms"]}
    change: list[dict[str, Any]] = [
        {"$set": {"now_ms": {"$toDouble": {"$toLong": "$$NOW"}}}},
        {"$set": {"first_ms": first}},
        {"$set": {"next_ms": {"$add": ["$first_ms", milliseconds]}}},
    ]
    moved: Document = quick_collection(PACES).find_one_and_update(
        {"_id": vendor}, change, upsert=True, return_document=ReturnDocument.AFTER
    )
    return moved
