"""Stores the results of calls to endpoints: attempts, what is tried again and when, and which endpoints fail."""

import logging
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo import DeleteOne, UpdateMany, UpdateOne

from mongodb.collections import Document, collection
from mongodb.transactions import run_in_transaction
from webhooks.models import ATTEMPTS, DELIVERIES, ENDPOINTS, DisabledReason, Endpoint
from webhooks.outgoing import Returned

if TYPE_CHECKING:
    from webhooks.sending import Message

logger = logging.getLogger(__name__)

GIVEN_UP_AFTER = timedelta(days=3)
# The pause after each failed attempt. The last pause repeats. Each pause is shortened at random by up to a fifth.
PAUSES_SECONDS = (5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600)
# An endpoint is slow if most of its calls take longer than this.
SLOW_SECONDS = 0.5
GONE = 410


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, and the result of its call."""

    message: "Message"
    returned: Returned


def settle(
    sent: Sequence[Sent],
    left: Iterable["Message"] = (),
    *,
    now: datetime,
    lease: str | None = None,
    reached: ObjectId | None = None,
) -> None:
    """Note the calls, and store the messages that are left for a later attempt, in one transaction.

    With `lease`, also move the place of the leased endpoints to `reached`, and end the lease.
    """
    attempts = [_attempt(each) for each in sent]
    # A message that was taken at its first attempt has no delivery.
    unsettled = [each for each in sent if not each.returned.is_success or each.message.delivery]
    deliveries: list[Any] = [_next_delivery(each, now) for each in unsettled]
    deliveries += [_waiting(message, now) for message in left]
    endpoints: list[Any] = list(_health(sent, now))
    if lease:
        served = {"$set": {"lease": None, "leased_until": None}, "$max": {"place": reached}}
        endpoints.append(UpdateMany({"lease": lease}, served))

    def write() -> None:
        for name, writes in ((DELIVERIES, deliveries), (ENDPOINTS, endpoints)):
            if writes:
                collection(name).bulk_write(writes, ordered=True)
        if attempts:
            collection(ATTEMPTS).insert_many(attempts)

    run_in_transaction(write)
    for pk in {each.message.endpoint.pk for each in sent if each.returned.status == GONE}:
        logger.critical("webhook endpoint is gone: disabled endpoint=%s", pk)


def disable_failing(*, now: datetime) -> int:
    """Disable the endpoints that have failed for three days, and log this. Return the number of endpoints."""
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
    """Return the pause after this number of failed attempts."""
    seconds = PAUSES_SECONDS[min(attempts, len(PAUSES_SECONDS)) - 1]
    return timedelta(seconds=seconds * random.uniform(0.8, 1))  # noqa: S311 - jitter, not a secret


def _attempt(each: Sent) -> Document:
    message, returned = each.message, each.returned
    return {
        "_id": ObjectId(),
        "endpoint_id": ObjectId(message.endpoint.pk),
        "event_id": message.event["id"],
        "type": message.event["type"],
        "number": message.tried + 1,
        "created_at": returned.began_at,
        "status": returned.status,
        "error": returned.error,
        "duration_ms": int(returned.seconds * 1000),
        "answer": returned.answer.decode(errors="replace").replace("\0", ""),
    }


def _next_delivery(each: Sent, now: datetime) -> Any:
    """Return the write that deletes the delivery if the message was taken, or sets when the message is tried again.

    The write leaves a delivery unchanged if somebody has asked for it again during the call.
    """
    message, next_at = each.message, now + pause_after(each.message.tried + 1)
    key: Document = {"_id": delivery_id(message.endpoint.pk, message.event["id"])}
    if message.delivery is None:
        first = {"$set": {"attempts": 1, "next_at": next_at}, "$setOnInsert": _new(message, now)}
        return UpdateOne(key, first, upsert=True)
    key |= {"next_at": message.delivery["next_at"]}
    if each.returned.is_success:
        return DeleteOne(key)
    is_given_up = next_at - message.delivery["first_at"].replace(tzinfo=UTC) > GIVEN_UP_AFTER
    return UpdateOne(key, {"$set": {"attempts": message.tried + 1, "next_at": None if is_given_up else next_at}})


def _waiting(message: "Message", now: datetime) -> Any:
    key = {"_id": delivery_id(message.endpoint.pk, message.event["id"])}
    return UpdateOne(key, {"$setOnInsert": {**_new(message, now), "attempts": 0, "next_at": now}}, upsert=True)


def _new(message: "Message", now: datetime) -> Document:
    named = {"endpoint_id": ObjectId(message.endpoint.pk), "event_id": message.event["id"]}
    return {**named, "event": None, "first_at": now}


def _health(sent: Sequence[Sent], now: datetime) -> Iterator[Any]:
    """Yield the writes that note which endpoints fail, are slow, are gone for good, or have recovered."""
    by_endpoint: dict[Endpoint, list[Returned]] = defaultdict(list)
    for each in sent:
        by_endpoint[each.message.endpoint].append(each.returned)
    for endpoint, returned in by_endpoint.items():
        is_slow = 2 * sum(each.seconds > SLOW_SECONDS for each in returned) > len(returned)
        if is_slow != endpoint.slow:
            yield UpdateOne({"_id": endpoint.pk}, {"$set": {"slow": is_slow}})
        # Another worker may have noted the opposite since the endpoint was read, so the writes check the stored value.
        if any(each.is_success for each in returned):
            yield UpdateOne({"_id": endpoint.pk, "failing_since": {"$ne": None}}, {"$set": {"failing_since": None}})
        else:
            yield UpdateOne({"_id": endpoint.pk, "failing_since": None}, {"$set": {"failing_since": now}})
        if any(each.status == GONE for each in returned):
            # The endpoint stays as it is if it has got another address meanwhile, or if a person has disabled it.
            gone = {"enabled": False, "disabled_reason": DisabledReason.GONE.value}
            yield UpdateOne({"_id": endpoint.pk, "url": endpoint.url, "enabled": True}, {"$set": gone})
