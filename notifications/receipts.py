"""Receipts: the events that viewers' clients have confirmed. A confirmation is one write to a small document."""

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError, raises
from mongodb.collections import collection, quick_collection
from notifications.fanout.ledger import Ledger
from notifications.models import CHUNKS, RECEIPTS

# When each event was confirmed, in Unix milliseconds, by event_id.
Received = dict[str, int]


class EventNotFound(ProductError):
    """There is no such event for the caller, or the event is older than 30 days."""

    code = "event_not_found"
    status = 404
    detail = _("There is no such event for you.")


@raises(EventNotFound)
def confirm(goal_id: str, event_id: str, viewer_id: str, *, now: datetime) -> None:
    """Record that the viewer's client has got the event. Idempotent: the first confirmation counts.

    Only the primary acknowledges the write. If a failover loses the write, the viewer seems not to have got the event.
    """
    if not _is_for(viewer_id, goal_id=goal_id, event_id=event_id):
        raise EventNotFound(goal_id=goal_id, event_id=event_id, viewer_id=viewer_id)
    milliseconds = int(now.timestamp() * 1000)
    confirmed = {"$min": {f"received.{event_id}": milliseconds}, "$max": {"last_at": now}}
    quick_collection(RECEIPTS).update_one({"_id": f"{goal_id}:{viewer_id}"}, confirmed, upsert=True)


def receipts_of(goal_id: str, viewers: Iterable[str]) -> dict[str, Received]:
    """Return, by viewer, what the viewer's client has confirmed. Viewers who have confirmed nothing are left out."""
    ids = [f"{goal_id}:{viewer}" for viewer in viewers]
    found = collection(RECEIPTS).find({"_id": {"$in": ids}}, {"received": True})
    return {each["_id"].partition(":")[2]: each["received"] for each in found}


def _is_for(viewer_id: str, *, goal_id: str, event_id: str) -> bool:
    """Tell whether a chunk of the event holds the viewer."""
    # Many viewers confirm at once, so this query bypasses the ORM, which would take longer than MongoDB itself.
    chunks = collection(CHUNKS).find(
        {"goal_id": goal_id, "first": {"$lte": viewer_id}, "last": {"$gte": viewer_id}, "event_id": event_id},
        {"viewers": True, "states": True},
    )
    return any(viewer_id in Ledger(chunk["viewers"], chunk["states"], b"") for chunk in chunks)
