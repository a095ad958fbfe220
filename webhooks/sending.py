"""Sends events to the endpoints of partners: each event once to each endpoint soon after it was published.

What fails, or has to wait for a slow endpoint, is left to `retrying.py` as a delivery. A worker leases the endpoints to
which it sends, so that two workers do not send the same events. All endpoints are called at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from bson import ObjectId

from config import clock
from mongodb.collections import Document, collection
from mongodb.documents import find
from webhooks.addresses import is_exempt
from webhooks.event_list import EventSerializer
from webhooks.models import ENDPOINTS, EVENTS, LAST_PLACES, Endpoint
from webhooks.outcomes import Sent, settle
from webhooks.outgoing import Outgoing, send
from webhooks.publishing import place_of
from webhooks.signing import signed_headers

EVENTS_AT_ONCE = 100
# An endpoint that takes longer is called beside the others from then on.
QUICK_SECONDS = 1.0
BEGIN_WITHIN_SECONDS = 1.0
LEASE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way to an endpoint, and how often that was tried before."""

    endpoint: Endpoint
    event: dict[str, Any]
    tried: int = 0

    def outgoing(self, *, now: datetime) -> Outgoing:
        """Return the signed call."""
        body = orjson.dumps({**self.event, "timestamp": now.isoformat()})
        headers = signed_headers(self.endpoint, self.event["id"], body, now=now)
        return Outgoing(str(self.endpoint.pk), self.endpoint.url, headers, body, is_exempt(self.endpoint.url))


def send_new() -> int:
    """Send all published events that no worker has sent yet. Return how many calls were made."""
    calls = 0
    while endpoints := _lease():
        calls += _send_next(endpoints)
    return calls


def as_sent(event: Document) -> dict[str, Any]:
    """Return the event as `GET /events` shows it."""
    data: dict[str, Any] = dict(EventSerializer(event).data)
    return data


def _lease() -> list[Endpoint]:
    """Lease the endpoints that are behind and that no other worker holds."""
    last = collection(LAST_PLACES).find_one({"_id": "events"})
    if last is None:
        return []
    now, lease = clock.now(), uuid4().hex
    behind = {"enabled": True, "place": {"$lt": place_of(last["seconds"], last["number"])}}
    free = {"$or": [{"leased_until": None}, {"leased_until": {"$lt": now}}]}
    taken = {"$set": {"lease": lease, "leased_until": now + LEASE}}
    if not collection(ENDPOINTS).update_many({**behind, **free}, taken).matched_count:
        return []
    return find(Endpoint, {"lease": lease})


def _send_next(endpoints: Sequence[Endpoint]) -> int:
    """Send the next events to each of the endpoints, and note what came of it. Return how many calls were made."""
    first = min(ObjectId(endpoint.place) for endpoint in endpoints)
    events = list(collection(EVENTS).find({"place": {"$gt": first}}).sort("place", 1).limit(EVENTS_AT_ONCE))
    messages = [
        Message(endpoint, as_sent(event))
        for event in events
        for endpoint in endpoints
        if event["place"] > endpoint.place and (not endpoint.types or event["type"] in endpoint.types)
    ]
    now = clock.now()
    quick = [message for message in messages if not message.endpoint.slow]
    returned = send(
        [message.outgoing(now=now) for message in quick], seconds=QUICK_SECONDS, begin_within=BEGIN_WITHIN_SECONDS
    )
    sent = [Sent(message, returned[index]) for index, message in enumerate(quick) if index in returned]
    left = [message for index, message in enumerate(quick) if index not in returned]
    left += [message for message in messages if message.endpoint.slow]
    # An event may have been deleted meanwhile, so without events the endpoint is up to date.
    reached = events[-1]["place"] if events else None
    settle(sent, left, now=now, reached={endpoint.pk: reached for endpoint in endpoints})
    return len(sent)
