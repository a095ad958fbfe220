"""Plans an event: stores its audience in chunks, and queues a message for each chunk.

A run plans only the viewers that no chunk holds yet. So a rerun after a crash continues where the first run ended,
and a later run adds the viewers who have paid since (docs/adr/0021-notification-chunks.md).
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.conf import settings
from pymongo.errors import DuplicateKeyError

from config.errors import Unavailable
from goals.models import TimelineKind
from goals.timeline import record
from mongodb.collections import Document, collection
from mongodb.transactions import insert_at_commit, run_in_transaction
from notifications.events import Payload
from notifications.fanout.ledger import ID_BYTES, Ledger, each_viewer, packed
from notifications.models import CHUNKS, EVENTS
from taskqueue.durable import DurableTask

logger = logging.getLogger(__name__)

CHUNKS_PER_TRANSACTION = 100
MOST_RUNS = 10
ID = re.compile("[0-9a-f]{24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerEvent:
    """An event for every viewer of a show, each on their own channel. The payload holds no tokens."""

    goal_id: str
    streamer_id: str
    name: str
    preset: str
    payload: Payload

    @property
    def event_id(self) -> str:
        """Return the event's id, which is the same for every viewer."""
        return str(self.payload["event_id"])


@dataclass(frozen=True, slots=True)
class _Part:
    """Consecutive chunks of an event, each its packed viewers. `index` is that of the first chunk."""

    event: ViewerEvent
    index: int
    chunks: tuple[bytes, ...]
    is_last: bool

    @property
    def viewers(self) -> int:
        """Count the viewers of all chunks."""
        return sum(len(chunk) for chunk in self.chunks) // ID_BYTES


class _PlannedMeanwhile(Exception):
    """Another run has planned chunks of the same event meanwhile."""


def pack_audience(goal_id: str, viewers: Iterable[str]) -> bytes:
    """Return the viewers packed. Leave out those whose id is malformed, and put their number on the timeline."""
    known, malformed = [], 0
    for viewer in viewers:
        if ID.fullmatch(viewer):
            known.append(viewer)
        else:
            malformed += 1
    if malformed:
        logger.error("viewers with a malformed id goal=%s count=%s", goal_id, malformed)
        record(goal_id, TimelineKind.DELIVERY, "audience", "not_addressable", f"{malformed} viewers")
    return packed(known)


def plan_audience(events: Sequence[ViewerEvent], audience: bytes, *, send: DurableTask, now: datetime) -> int:
    """Plan each event for the viewers of the packed audience that it lacks. Return how many viewers were added.

    Each transaction inserts up to a hundred chunks and their messages, so the first chunks are sent while later ones
    are planned. The event's count of chunks detects a concurrent run; the run that loses starts over.
    """
    added = 0
    for _ in range(MOST_RUNS):
        try:
            for parts in _transactions(_parts(events, audience)):
                run_in_transaction(partial(_insert, parts, send=send, now=now))
                added += sum(part.viewers for part in parts)
        except _PlannedMeanwhile:
            continue
        return added
    raise Unavailable


def _parts(events: Sequence[ViewerEvent], audience: bytes) -> Iterator[_Part]:
    """Yield the missing chunks of each event, in parts that fit into a transaction."""
    planned = _chunks_planned(events)
    size = ID_BYTES * settings.NOTIFY_CHUNK
    step = size * CHUNKS_PER_TRANSACTION
    for event in events:
        index = planned.get(event.event_id, 0)
        missing = _missing(audience, event.event_id) if index else audience
        for start in range(0, len(missing), step):
            some = missing[start : start + step]
            chunks = tuple(some[at : at + size] for at in range(0, len(some), size))
            yield _Part(event, index, chunks, is_last=start + step >= len(missing))
            index += len(chunks)


def _transactions(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    """Group parts that fit into one transaction together, as both events of a small audience do."""
    together: list[_Part] = []
    for part in parts:
        if sum(len(each.chunks) for each in (*together, part)) > CHUNKS_PER_TRANSACTION:
            yield together
            together = []
        together.append(part)
    if together:
        yield together


def _chunks_planned(events: Sequence[ViewerEvent]) -> dict[str, int]:
    """Return the count of chunks of each event that has any."""
    condition = {"_id": {"$in": [event.event_id for event in events]}}
    return {found["_id"]: found["chunks"] for found in collection(EVENTS).find(condition, {"chunks": True})}


def _missing(audience: bytes, event_id: str) -> bytes:
    """Return the viewers of the audience who are in no chunk of the event."""
    # The ids of an event's chunks lie between "{event_id}:" and "{event_id};", so the primary key finds them.
    chunks = collection(CHUNKS).find({"_id": {"$gt": f"{event_id}:", "$lt": f"{event_id};"}}, {"viewers": True})
    planned = {viewer for chunk in chunks for viewer in each_viewer(chunk["viewers"])}
    return b"".join(viewer for viewer in each_viewer(audience) if viewer not in planned)


def _insert(parts: list[_Part], *, send: DurableTask, now: datetime) -> None:
    for part in parts:
        _count(part, now=now)
        event = part.event
        detail = f"{event.preset}: {part.viewers} viewers in {len(part.chunks)} chunks"
        record(event.goal_id, TimelineKind.DELIVERY, event.name, "planned", detail)
        documents = [
            _chunk(event, place, viewers, now=now) for place, viewers in enumerate(part.chunks, start=part.index)
        ]
        insert_at_commit(CHUNKS, *documents)
        for document in documents:
            send.enqueue(document["_id"], subject=event.goal_id, weight=len(document["states"]))


def _count(part: _Part, *, now: datetime) -> None:
    """Add the part's chunks to the event's count. Insert the event if it is new. Raises _PlannedMeanwhile."""
    event = part.event
    opened = {"goal_id": event.goal_id, "name": event.name, "preset": event.preset}
    planned_at = {"planned_at": now} if part.is_last else {}
    try:
        counted = collection(EVENTS).update_one(
            {"_id": event.event_id, "chunks": part.index},
            {
                "$inc": {"chunks": len(part.chunks), "viewers": part.viewers},
                "$set": {"sent_at": None, **planned_at},
                "$setOnInsert": opened | ({} if planned_at else {"planned_at": None}),
            },
            upsert=part.index == 0,
        )
    except DuplicateKeyError as error:
        raise _PlannedMeanwhile from error
    if not counted.matched_count and counted.upserted_id is None:
        raise _PlannedMeanwhile


def _chunk(event: ViewerEvent, index: int, viewers: bytes, *, now: datetime) -> Document:
    """Return the document that `NotificationChunk` describes."""
    ledger = Ledger.planned(viewers)
    return {
        "_id": f"{event.event_id}:{index}",
        "event_id": event.event_id,
        "goal_id": event.goal_id,
        "streamer_id": event.streamer_id,
        "name": event.name,
        "preset": event.preset,
        "payload": event.payload,
        "first": ledger.viewer(0),
        "last": ledger.viewer(len(ledger) - 1),
        "viewers": viewers,
        "states": ledger.states,
        "marked_in": ledger.marked_in,
        "attempts": 0,
        "planned_at": now,
        "last_attempt_at": None,
        "settled_at": [],
        "sent_at": None,
    }
