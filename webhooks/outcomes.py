"""Notes what came of calls to endpoints: attempts, what is to be tried again and when, and which endpoints fail."""

import logging
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo import DeleteOne, UpdateOne

from mongodb.collections import Document, collection
from mongodb.transactions import run_in_transaction
from webhooks.models import ATTEMPTS, DELIVERIES, ENDPOINTS, DisabledReason
from webhooks.outgoing import Returned

if TYPE_CHECKING:
    from webhooks.sending import Message

logger = logging.getLogger(__name__)

GIVEN_UP_AFTER = timedelta(days=3)
# After each failed attempt; the last pause repeats. A fifth of it is random.
PAUSES_SECONDS = (5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600)
# An endpoint that takes longer than this is slow.
SLOW_SECONDS = 0.5
GONE = 410


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, and what came of the call. `first_at` is when it was first tried, if that was earlier."""

    message: "Message"
    returned: Returned
    first_at: datetime | None = None


def settle(
    sent: Sequence[Sent], left: Iterable["Message"], *, now: datetime, reached: Mapping[Any, ObjectId | None]
) -> None:
    """Note the calls, and leave the messages that were not sent to a later attempt, in one transaction.

    `reached` has the place up to which each leased endpoint has been served; their leases end.
    """
    attempts = [_attempt(each, now) for each in sent]
    # A message that was taken at once has no delivery.
    unsettled = [each for each in sent if not each.returned.is_success or each.first_at is not None]
    deliveries: list[Any] = [_next_delivery(each, now) for each in unsettled]
    deliveries += [_waiting(message, now) for message in left]
    endpoints = [*_health(sent, now), *_served(reached)]

    def write() -> None:
        for name, writes in ((DELIVERIES, deliveries), (ENDPOINTS, endpoints)):
            if writes:
                collection(name).bulk_write(writes, ordered=True)
        if attempts:
            collection(ATTEMPTS).insert_many(attempts)

    run_in_transaction(write)
    for each in sent:
        if each.returned.status == GONE:
            logger.critical("webhook endpoint is gone: disabled endpoint=%s", each.message.endpoint.pk)


def disable_failing(*, now: datetime) -> int:
    """Disable the endpoints that have failed for three days, and say so. Return how many."""
    failing = {"enabled": True, "failing_since": {"$lt": now - GIVEN_UP_AFTER}}
    disabled = {"$set": {"enabled": False, "disabled_reason": DisabledReason.FAILING.value}}
    count: int = collection(ENDPOINTS).update_many(failing, disabled).modified_count
    if count:
        logger.critical("webhook endpoints have failed for three days: disabled count=%s", count)
    return count


def delivery_id(endpoint_id: object, event_id: str) -> str:
    """Return the id of the delivery of an event to an endpoint."""
    return f"{endpoint_id}:{event_id}"


def pause_after(attempts: int) -> timedelta:
    """Return the pause after so many failed attempts."""
    seconds = PAUSES_SECONDS[min(attempts, len(PAUSES_SECONDS)) - 1]
    return timedelta(seconds=seconds * random.uniform(0.8, 1))  # noqa: S311 - jitter, not a secret


def _attempt(each: Sent, now: datetime) -> Document:
    message, returned = each.message, each.returned
    return {
        "_id": ObjectId(),
        "endpoint_id": ObjectId(message.endpoint.pk),
        "event_id": message.event["id"],
        "type": message.event["type"],
        "number": message.tried + 1,
        "created_at": now,
        "status": returned.status,
        "error": returned.error,
        "duration_ms": int(returned.seconds * 1000),
        "answer": returned.answer.decode(errors="replace").replace("\0", ""),
    }


def _next_delivery(each: Sent, now: datetime) -> Any:
    """Delete the delivery of a message that was taken; else say when it is tried again, if ever."""
    message = each.message
    key = {"_id": delivery_id(message.endpoint.pk, message.event["id"])}
    if each.returned.is_success:
        return DeleteOne(key)
    next_at = now + pause_after(message.tried + 1)
    given_up = next_at - (each.first_at or now) > GIVEN_UP_AFTER
    changes = {"attempts": message.tried + 1, "next_at": None if given_up else next_at}
    return UpdateOne(key, {"$set": changes, "$setOnInsert": _new(message, now)}, upsert=True)


def _waiting(message: "Message", now: datetime) -> Any:
    key = {"_id": delivery_id(message.endpoint.pk, message.event["id"])}
    return UpdateOne(key, {"$setOnInsert": {**_new(message, now), "attempts": 0, "next_at": now}}, upsert=True)


def _new(message: "Message", now: datetime) -> Document:
    named = {"endpoint_id": ObjectId(message.endpoint.pk), "event_id": message.event["id"]}
    return {**named, "event": None, "first_at": now}


def _health(sent: Sequence[Sent], now: datetime) -> list[Any]:
    """Note which endpoints fail, are slow, or are gone for good."""
    by_endpoint: dict[Any, list[Returned]] = defaultdict(list)
    for each in sent:
        by_endpoint[each.message.endpoint.pk].append(each.returned)
    writes: list[Any] = []
    for pk, returned in by_endpoint.items():
        changes: Document = {"slow": max(each.seconds for each in returned) > SLOW_SECONDS}
        if any(each.is_success for each in returned):
            changes["failing_since"] = None
        else:
            writes.append(UpdateOne({"_id": pk, "failing_since": None}, {"$set": {"failing_since": now}}))
        if any(each.status == GONE for each in returned):
            changes |= {"enabled": False, "disabled_reason": DisabledReason.GONE.value}
        writes.append(UpdateOne({"_id": pk}, {"$set": changes}))
    return writes


def _served(reached: Mapping[Any, ObjectId | None]) -> list[Any]:
    free = {"lease": None, "leased_until": None}
    return [
        UpdateOne({"_id": pk}, {"$set": free, **({"$max": {"place": place}} if place else {})})
        for pk, place in reached.items()
    ]
