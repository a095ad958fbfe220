"""Planning: an event's audience as chunks, each with the message that has it sent.

What is planned is the audience less those who are planned already, so a rerun after a crash goes on where the first
run ended, and a later one adds who has paid since (docs/adr/0021-notification-chunks.md).
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
from goals.timeline import TimelineKind, record
from mongodb.transactions import Document, collection, insert_at_commit, run_in_transaction
from notifications.events import Payload
from notifications.fanout.ledger import ID_BYTES, Ledger, packed
from notifications.models import CHUNKS, EVENTS
from taskqueue.durable import DurableTask

logger = logging.getLogger(__name__)

CHUNKS_A_TRANSACTION = 100
TRIES = 10
ID = re.compile("[0-9a-f]{24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerEvent:
    """One event that goes to every viewer of a show, each on a channel of their own. The payload holds no tokens."""

    goal_id: str
    streamer_id: str
    name: str
    preset: str
    payload: Payload

    @property
    def event_id(self) -> str:
        """The event's id, the same for every viewer."""
        return str(self.payload["event_id"])


@dataclass(frozen=True, slots=True)
class _Part:
    """Chunks of an event, from an index on; each is its packed viewers. The last part makes the audience whole."""

    event: ViewerEvent
    index: int
    chunks: tuple[bytes, ...]
    is_last: bool

    @property
    def viewers(self) -> int:
        """How many they are."""
        return sum(len(chunk) for chunk in self.chunks) // ID_BYTES


class _PlannedMeanwhile(Exception):
    """Somebody else has planned chunks of the same event since we looked."""


def pack_audience(goal_id: str, viewers: Iterable[str]) -> bytes:
    """Return the viewers packed. Whoever isn't an id has no channel: that one is left out, and on the timeline."""
    known, strange = [], 0
    for viewer in viewers:
        if ID.fullmatch(viewer):
            known.append(viewer)
        else:
            strange += 1
    if strange:
        logger.error("viewers without a channel goal=%s count=%s", goal_id, strange)
        record(goal_id, TimelineKind.DELIVERY, "audience", "not_addressable", f"{strange} viewers")
    return packed(known)


def plan_audience(events: Sequence[ViewerEvent], audience: bytes, *, send: DurableTask, now: datetime) -> int:
    """Insert chunks for those of the packed audience that each event lacks, and messages for exactly these chunks.

    A hundred chunks a transaction, one event after the other; what is planned is being sent already. Two planners at
    once: an event counts its chunks, and who finds another count starts over. Returns how many viewers were added.
    """
    added = 0
    for _ in range(TRIES):
        try:
            for parts in _transactions(_parts(events, audience)):
                run_in_transaction(partial(_insert, parts, send=send, now=now))
                added += sum(part.viewers for part in parts)
        except _PlannedMeanwhile:
            continue
        return added
    raise Unavailable


def _parts(events: Sequence[ViewerEvent], audience: bytes) -> Iterator[_Part]:
    """Yield what is to be planned of each event, in parts of up to a transaction's size."""
    planned = _chunks_planned(events)
    size = ID_BYTES * settings.NOTIFY_CHUNK
    step = size * CHUNKS_A_TRANSACTION
    for event in events:
        index = planned.get(event.event_id, 0)
        missing = _missing(audience, event.event_id) if index else audience
        for start in range(0, len(missing), step):
            some = missing[start : start + step]
            chunks = tuple(some[at : at + size] for at in range(0, len(some), size))
            yield _Part(event, index, chunks, is_last=start + step >= len(missing))
            index += len(chunks)


def _transactions(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    """Yield the parts, together while they fit into a transaction: both events of a small audience do."""
    together: list[_Part] = []
    for part in parts:
        if sum(len(each.chunks) for each in (*together, part)) > CHUNKS_A_TRANSACTION:
            yield together
            together = []
        together.append(part)
    if together:
        yield together


def _chunks_planned(events: Sequence[ViewerEvent]) -> dict[str, int]:
    """Count the chunks of those events that have any."""
    condition = {"_id": {"$in": [event.event_id for event in events]}}
    return {found["_id"]: found["chunks"] for found in collection(EVENTS).find(condition, {"chunks": True})}


def _missing(audience: bytes, event_id: str) -> bytes:
    """Return who of the audience is in no chunk of the event."""
    # From "id:" to "id;": all ids of its chunks, by the primary key.
    chunks = collection(CHUNKS).find({"_id": {"$gt": f"{event_id}:", "$lt": f"{event_id};"}}, {"viewers": True})
    planned = {viewer for chunk in chunks for viewer in _each(chunk["viewers"])}
    return b"".join(viewer for viewer in _each(audience) if viewer not in planned)


def _each(viewers: bytes) -> Iterator[bytes]:
    return (viewers[start : start + ID_BYTES] for start in range(0, len(viewers), ID_BYTES))


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
        send.enqueue_many([(document["_id"],) for document in documents], subject=event.goal_id)


def _count(part: _Part, *, now: datetime) -> None:
    """Have the event, which may be new, count the part's chunks. Raises _PlannedMeanwhile."""
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
