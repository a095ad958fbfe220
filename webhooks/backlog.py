"""Deletes or queues all deliveries of an endpoint, in pieces.

There may be a hundred thousand deliveries. To write all of them would take longer than a request may last.
"""

from datetime import datetime
from typing import Any

from bson import ObjectId

from mongodb.collections import Document, collection
from webhooks.models import DELIVERIES

WRITTEN_AT_ONCE = 5000


def delete_next(endpoint_id: str) -> int:
    """Delete up to WRITTEN_AT_ONCE deliveries of a deleted endpoint. Return how many were found."""
    found = _next({"endpoint_id": ObjectId(endpoint_id)})
    collection(DELIVERIES).delete_many({"_id": {"$in": found}})
    return len(found)


def queue_next(endpoint_id: str, asked_at: datetime) -> int:
    """Make up to WRITTEN_AT_ONCE deliveries due that were first tried before `asked_at`. Return how many were found."""
    former: Document = {"first_at": {"$lt": asked_at}}
    found = _next({"endpoint_id": ObjectId(endpoint_id), **former})
    collection(DELIVERIES).update_many({"_id": {"$in": found}, **former}, {"$set": anew(asked_at)})
    return len(found)


def anew(now: datetime) -> dict[str, Any]:
    """Return the fields of a delivery that is due now, and whose pauses begin anew."""
    return {"next_at": now, "first_at": now, "attempts": 0}


def _next(condition: Document) -> list[str]:
    return [each["_id"] for each in collection(DELIVERIES).find(condition, {"_id": True}).limit(WRITTEN_AT_ONCE)]
