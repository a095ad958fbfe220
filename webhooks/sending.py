"""Sends each event once to each endpoint of a partner, soon after the event was published.

Messages that fail, or that have to wait for a slow endpoint, are left to `retrying.py` as deliveries. A worker leases
the endpoints to which it sends, so that two workers do not send the same events. All endpoints are called at the same
time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from bson import ObjectId

from config import clock
from mongodb.collections import Document, collection, tolerant_collection
from mongodb.documents import find
from webhooks.addresses import is_exempt
from webhooks.event_list import EventSerializer, events_between
from webhooks.models import ENDPOINTS, Endpoint
from webhooks.outcomes import Sent, settle
from webhooks.outgoing import Outgoing, send
from webhooks.publishing import last_place
from webhooks.signing import signed_headers

EVENTS_AT_ONCE = 100
# A call that takes longer is cut off, and its message is left to `retrying.py`.
QUICK_SECONDS = 1.0
BEGIN_WITHIN_SECONDS = 1.0
LEASE = timedelta(seconds=15)
# One task sends new events for up to this long. It must end before its worker counts as stuck.
AT_MOST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way to an endpoint. `delivery` is the stored delivery, if there is one."""

    endpoint: Endpoint
    event: dict[str, Any]
    delivery: Document | None = None

    @property
    def tried(self) -> int:
        """How often the event was sent to the endpoint before."""
        return self.delivery["attempts"] if self.delivery else 0

    def outgoing(self, *, now: datetime) -> Outgoing:
        """Return the signed call."""
        body = orjson.dumps({**self.event, "timestamp": now.isoformat()})
        headers = signed_headers(self.endpoint, self.event["id"], body, now=now)
        return Outgoing(str(self.endpoint.pk), self.endpoint.url, headers, body, is_exempt(self.endpoint.url))


def send_new() -> int:
    """Send all published events that no worker has sent yet. Return how many messages were not tried."""
    left, until = 0, time.monotonic() + AT_MOST_SECONDS
    while time.monotonic() < until:
        last = last_place()
        if not (endpoints := _lease(last)):
            break
        left += _send_next(endpoints, last)
    return left


def is_behind() -> bool:
    """Tell whether published events have not been sent to an endpoint yet, and no worker is about to send them."""
    return tolerant_collection(ENDPOINTS).find_one(_behind(last_place(), clock.now()), {"_id": True}) is not None


def as_sent(event: Document) -> dict[str, Any]:
    """Return the event as `GET /events` shows it."""
    data: dict[str, Any] = dict(EventSerializer(event).data)
    return data


def _behind(last: ObjectId, now: datetime) -> Document:
    free = {"$or": [{"leased_until": None}, {"leased_until": {"$lt": now}}]}
    return {"enabled": True, "place": {"$lt": last}, **free}


def _lease(last: ObjectId) -> list[Endpoint]:
    """Lease and return the endpoints that lack published events, except for those that another worker has leased."""
    now, lease = clock.now(), uuid4().hex
    taken = {"$set": {"lease": lease, "leased_until": now + LEASE}}
    if not collection(ENDPOINTS).update_many(_behind(last, now), taken).matched_count:
        return []
    return find(Endpoint, {"lease": lease})


def _send_next(endpoints: Sequence[Endpoint], last: ObjectId) -> int:
    """Send the next events to each of the endpoints, and store the results. Return how many messages were not tried."""
    first = min(ObjectId(endpoint.place) for endpoint in endpoints)
    events = [as_sent(event) for event in events_between(first, last, EVENTS_AT_ONCE)]
    # If there are fewer than EVENTS_AT_ONCE, these are all events up to `last`, whose own event may have expired.
    reached = ObjectId(events[-1]["id"]) if len(events) == EVENTS_AT_ONCE else last
    messages = [
        Message(endpoint, event)
        for event in events
        for endpoint in endpoints
        if event["id"] > str(endpoint.place) and (not endpoint.types or event["type"] in endpoint.types)
    ]
    quick = [message for message in messages if not message.endpoint.slow]
    now = clock.now()
    returned = send(
        [message.outgoing(now=now) for message in quick], seconds=QUICK_SECONDS, begin_within=BEGIN_WITHIN_SECONDS
    )
    sent = [Sent(message, returned[index]) for index, message in enumerate(quick) if index in returned]
    left = [message for index, message in enumerate(quick) if index not in returned]
    left += [message for message in messages if message.endpoint.slow]
    settle(sent, left, now=clock.now(), lease=endpoints[0].lease, reached=reached)
    return len(left)
