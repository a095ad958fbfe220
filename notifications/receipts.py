"""Receipts: the events that viewers' clients have confirmed. A confirmation is one write to a small document."""

import time
from collections.abc import Iterable
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError, raises
from mongodb.collections import collection, quick_collection
from notifications.fanout.ledger import Ledger
from notifications.models import CHUNKS, RECEIPTS

# A process uses what it has read for this long. Clients usually confirm an event within half a minute.
KEPT_SECONDS = 60.0
# A process keeps the ids of at most this many viewers, which take about 15 MB. A chunk takes as much as this many more.
MOST_VIEWERS = 1_000_000
CHUNK_WEIGHT = 50
READ = dict.fromkeys(("first", "last", "viewers", "states"), True)
# The ids of a goal and of one of its events.
_Event = tuple[str, str]
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
    event = goal_id, event_id
    if any(chunk.holds(viewer_id) for chunk in known_chunks.of(event)):
        return True
    # Many viewers confirm at once, so this query bypasses the ORM, which would take longer than MongoDB itself.
    around = {"goal_id": goal_id, "first": {"$lte": viewer_id}, "last": {"$gte": viewer_id}, "event_id": event_id}
    for found in collection(CHUNKS).find(around, READ):
        chunk = _Chunk(found["first"], found["last"], Ledger(found["viewers"], found["states"], b""))
        if chunk.holds(viewer_id):
            known_chunks.add(event, found["_id"], chunk)
            return True
    return False


class _Chunk(NamedTuple):
    """The viewers of a chunk, with the lowest and the highest of their ids."""

    first: str
    last: str
    ledger: Ledger

    def holds(self, viewer_id: str) -> bool:
        """Tell whether the viewer is in the chunk."""
        return self.first <= viewer_id <= self.last and viewer_id in self.ledger


class KnownChunks:
    """The chunks in which this process has found viewers lately, by goal and event.

    The viewers of a show confirm an event within seconds, so most of them are in a chunk that is already known. No
    viewer is ever taken out of a chunk.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.forget()

    def of(self, event: _Event) -> list[_Chunk]:
        """Return the known chunks of the event."""
        with self._lock:
            self._forget_if_outdated()
            return list(self._kept.get(event, {}).values())

    def add(self, event: _Event, chunk_id: str, chunk: _Chunk) -> None:
        """Keep the chunk. If there are too many viewers, forget all other chunks first."""
        with self._lock:
            self._forget_if_outdated()
            if self._weight >= MOST_VIEWERS:
                self.forget()
            if self._kept.setdefault(event, {}).setdefault(chunk_id, chunk) is chunk:
                self._weight += len(chunk.ledger) + CHUNK_WEIGHT

    def forget(self) -> None:
        """Forget all chunks."""
        self._kept: dict[_Event, dict[str, _Chunk]] = {}
        self._weight = 0
        self._outdated_at = time.monotonic() + KEPT_SECONDS

    def _forget_if_outdated(self) -> None:
        if time.monotonic() >= self._outdated_at:
            self.forget()


known_chunks = KnownChunks()
