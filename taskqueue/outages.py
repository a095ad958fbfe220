"""Outages of vendors: while a vendor is away, one worker at a time tries one message, and the others wait.

Without probes, each message would time out and back off by itself, and would wait for the rest of its pause after the
vendor has returned. As soon as the vendor responds to a probe, all messages that wait for another attempt come due.
"""

import logging
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from config import clock
from config.errors import TransportError
from config.vendor_calls import PROBE_SECONDS
from mongodb.collections import collection, tolerant_collection
from taskqueue import bells
from taskqueue.messages import MESSAGES
from taskqueue.models import Outage
from taskqueue.queues import Queue

logger = logging.getLogger(__name__)

OUTAGES = Outage._meta.db_table
PROBE_EVERY = timedelta(seconds=0.5)
# A prober, which is a worker that tries a message, counts as dead if it has not reported within this time.
PROBE_LEASE = timedelta(seconds=3 * PROBE_SECONDS)


def vendor_of(key: str) -> str:
    """Return the vendor for which the lane waits, or ""."""
    return next((lane.vendor for lane in Queue if lane.value == key), "")


def away() -> set[str]:
    """Return the vendors that are away, as far as the workers know."""
    return set(collection(OUTAGES).distinct("_id", {"_id": {"$in": [lane.vendor for lane in Queue if lane.vendor]}}))


def is_away(vendor: str) -> bool:
    """Tell whether the vendor is away, as far as the workers know."""
    return collection(OUTAGES).find_one({"_id": vendor}, {"_id": True}) is not None


def is_passing(outcome: object) -> bool:
    """Tell whether a call has failed in a way that an outage may explain."""
    return isinstance(outcome, TransportError) and not outcome.permanent


def begin(vendor: str) -> None:
    """Note that the vendor does not respond. The first probe is due after PROBE_EVERY."""
    now = clock.now()
    noted: dict[str, Any] = {"$setOnInsert": {"since": now, "probe_at": now + PROBE_EVERY}}
    if collection(OUTAGES).update_one({"_id": vendor}, noted, upsert=True).upserted_id:
        logger.critical("vendor does not answer vendor=%s", vendor)


def take_probe(vendor: str) -> bool:
    """Become the prober if a probe is due and no other worker is probing. Return whether this worker is the prober."""
    now = clock.now()
    taken = {"$set": {"probe_at": now + PROBE_LEASE}}
    # A `probe_at` that is missing, or too late to come from a prober, must not prevent probes for ever.
    waits = {"$gt": now, "$lt": now + 2 * PROBE_LEASE}
    return bool(collection(OUTAGES).update_one({"_id": vendor, "probe_at": {"$not": waits}}, taken).modified_count)


def has_messages(vendor: str) -> bool:
    """Tell whether a message that could be used for a probe waits in one of the vendor's lanes."""
    waiting = {"key": {"$in": _lanes(vendor)}, "owner": None}
    tried = {"$or": [{"lock": {"$lte": clock.now()}}, {"attempts": {"$gte": 1}}]}
    return tolerant_collection(MESSAGES).find_one({**waiting, **tried}, {"_id": True}) is not None


def leave_probe(vendor: str, *, soon: bool = False) -> None:
    """Let a worker probe again after PROBE_EVERY.

    If this worker found nothing to try, `soon` lets another one probe at once.
    """
    at = clock.now() + (timedelta(0) if soon else PROBE_EVERY)
    collection(OUTAGES).update_one({"_id": vendor}, {"$set": {"probe_at": at}})


def end(vendor: str) -> None:
    """Note that the vendor has responded. All messages for it that wait for another attempt come due now."""
    outage = tolerant_collection(OUTAGES).find_one_and_delete({"_id": vendor})
    keys = _lanes(vendor)
    now = clock.now()
    retried = {"key": {"$in": keys}, "owner": None, "attempts": {"$gte": 1}, "lock": {"$gt": now}}
    hurried = collection(MESSAGES).update_many(retried, {"$set": {"lock": now}})
    bells.ring(keys)
    if outage:
        since = outage.get("since")
        seconds = (now - since.replace(tzinfo=UTC)).total_seconds() if isinstance(since, datetime) else math.nan
        logger.warning("vendor answers again vendor=%s away=%.1fs messages=%s", vendor, seconds, hurried.modified_count)


def _lanes(vendor: str) -> list[str]:
    return [lane.value for lane in Queue if lane.vendor == vendor]
