"""Sends the events that endpoints have not taken, and the events that wait for slow endpoints.

Only one worker does this at a time. A run lasts up to RUN_SECONDS, and looks for due deliveries again and again. Each
endpoint has its own share of the calls, so an endpoint that hangs does not keep the others waiting.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from bson import ObjectId

from config import clock
from mongodb.collections import Document, collection, tolerant_collection
from mongodb.documents import instance
from webhooks.event_list import events_by_id
from webhooks.models import DELIVERIES, ENDPOINTS, Endpoint
from webhooks.outcomes import Sent, disable_failing, settle
from webhooks.outgoing import Exchange, exchange, share
from webhooks.sending import Message, as_sent

RUN_SECONDS = 15.0
CALL_SECONDS = 10.0
LEAST_CALL_SECONDS = 1.0
LOOK_EVERY_SECONDS = 0.1


def send_due() -> int:
    """Send the deliveries that are due, until there are none or RUN_SECONDS are over. Return how many calls ended.

    No call lasts longer than the run.
    """
    calls, look_at, ends_at = 0, 0.0, time.monotonic() + RUN_SECONDS
    messages: dict[str, Message] = {}
    with exchange() as lines:
        while True:
            left = ends_at - time.monotonic()
            if left >= LEAST_CALL_SECONDS and time.monotonic() >= look_at:
                messages |= _begin_due(lines, seconds=min(CALL_SECONDS, left))
                look_at = time.monotonic() + LOOK_EVERY_SECONDS
            if not lines.is_busy():
                break
            if returned := lines.collect():
                settle([Sent(messages.pop(key), each) for key, each in returned.items()], now=clock.now())
                calls += len(returned)
                if not lines.is_busy():
                    look_at = 0.0  # a last look, because somebody may have asked for an event again
    disable_failing(now=clock.now())
    return calls


def is_due() -> bool:
    """Tell whether a delivery to an enabled endpoint is due."""
    enabled = tolerant_collection(ENDPOINTS).distinct("_id", {"enabled": True})
    due = {"endpoint_id": {"$in": enabled}, "next_at": {"$lte": clock.now()}}
    return tolerant_collection(DELIVERIES).find_one(due, {"_id": True}) is not None


def _begin_due(lines: Exchange, *, seconds: float) -> dict[str, Message]:
    """Begin calls for due deliveries, up to each endpoint's share. Return their messages by the deliveries' ids."""
    now, full = clock.now(), lines.full()
    found = _due(lines, now, besides=full)
    most = share(len(found) + len(full))
    messages = dict(_messages({each: due[: max(0, most - lines.busy(each.pk))] for each, due in found.items()}))
    for pk, message in messages.items():
        lines.begin(pk, message.outgoing(now=now), seconds=seconds)
    return messages


def _due(lines: Exchange, now: datetime, *, besides: Collection[str]) -> dict[Endpoint, list[Document]]:
    """Return the next deliveries of each enabled endpoint except `besides`, without those that are under way."""
    due = [
        {"$match": {"next_at": {"$lte": now}, "_id": {"$nin": lines.keys()}}},
        {"$sort": {"next_at": 1}},
        {"$limit": share(1)},
    ]
    found = collection(ENDPOINTS).aggregate(
        [
            {"$match": {"enabled": True, "_id": {"$nin": [ObjectId(pk) for pk in besides]}}},
            {
                "$lookup": {
                    "from": DELIVERIES,
                    "localField": "_id",
                    "foreignField": "endpoint_id",
                    "pipeline": due,
                    "as": "due",
                }
            },
            {"$match": {"due": {"$ne": []}}},
        ]
    )
    return {instance(Endpoint, endpoint): endpoint["due"] for endpoint in found}


def _messages(found: Mapping[Endpoint, list[Document]]) -> Iterator[tuple[str, Message]]:
    """Yield a message for each delivery. Delete the deliveries whose events have expired."""
    listed = [each["event_id"] for due in found.values() for each in due if each["event"] is None]
    events = {str(event["place"]): as_sent(event) for event in events_by_id(listed)}
    expired = []
    for endpoint, due in found.items():
        for each in due:
            if event := each["event"] or events.get(each["event_id"]):
                yield each["_id"], Message(endpoint, event, each)
            else:
                expired.append(each["_id"])
    if expired:
        collection(DELIVERIES).delete_many({"_id": {"$in": expired}})
