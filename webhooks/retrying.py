"""Sends again what an endpoint has not taken, and what waits for slow endpoints. One worker does it at a time.

A few deliveries of each endpoint are taken at once, so that one with thousands does not keep the others waiting.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from config import clock
from mongodb.collections import Document, collection
from mongodb.documents import find
from webhooks.models import DELIVERIES, EVENTS, Endpoint
from webhooks.outcomes import Sent, disable_failing, settle
from webhooks.outgoing import send
from webhooks.sending import Message, as_sent

SECONDS = 10.0
BEGIN_WITHIN_SECONDS = 5.0
OF_EACH_ENDPOINT = 50


def send_due() -> int:
    """Send the deliveries that are due. Return how many calls were made."""
    now = clock.now()
    due = {each["_id"]: each for endpoint in _endpoints_with_due(now) for each in _due(endpoint, now)}
    messages = dict(_messages(due))
    _forget([pk for pk in due if pk not in messages])
    tried = list(messages)
    calls = [messages[pk].outgoing(now=now) for pk in tried]
    returned = send(calls, seconds=SECONDS, begin_within=BEGIN_WITHIN_SECONDS)
    sent = [
        Sent(messages[pk], returned[index], due[pk]["first_at"].replace(tzinfo=UTC))
        for index, pk in enumerate(tried)
        if index in returned
    ]
    if sent:
        settle(sent, (), now=now, reached={})
    disable_failing(now=now)
    return len(sent)


def _endpoints_with_due(now: datetime) -> list[ObjectId]:
    found: list[ObjectId] = collection(DELIVERIES).distinct("endpoint_id", {"next_at": {"$lte": now}})
    return found


def _due(endpoint_id: ObjectId, now: datetime) -> list[Document]:
    due = {"endpoint_id": endpoint_id, "next_at": {"$lte": now}}
    return list(collection(DELIVERIES).find(due).sort("next_at", 1).limit(OF_EACH_ENDPOINT))


def _messages(due: dict[str, Document]) -> Iterator[tuple[str, Message]]:
    """Yield a message for each delivery whose endpoint is enabled and whose event has not expired."""
    ids = list({each["endpoint_id"] for each in due.values()})
    endpoints = {endpoint.pk: endpoint for endpoint in find(Endpoint, {"_id": {"$in": ids}, "enabled": True})}
    places = list({ObjectId(each["event_id"]) for each in due.values() if each["event"] is None})
    events: dict[str, dict[str, Any]] = {
        str(event["place"]): as_sent(event) for event in collection(EVENTS).find({"place": {"$in": places}})
    }
    for pk, each in due.items():
        event = each["event"] or events.get(each["event_id"])
        if each["endpoint_id"] in endpoints and event is not None:
            yield pk, Message(endpoints[each["endpoint_id"]], event, each["attempts"])


def _forget(ids: list[str]) -> None:
    """Delete deliveries that can't be sent any more."""
    if ids:
        collection(DELIVERIES).delete_many({"_id": {"$in": ids}})
