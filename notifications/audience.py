"""Planning: an event's audience as chunks, each with the message that has it sent.

What is planned is the audience less those who are planned already, so a rerun after a crash goes on where the first
run ended, and a later one adds who has paid since (docs/adr/0021-notification-chunks.md).
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.conf import settings
from pymongo import ReturnDocument

from config.errors import Unavailable
from config.transactions import collection, run_in_transaction
from goals.timeline import TimelineKind, record
from notifications.events import Payload
from notifications.ledger import ID_BYTES, Ledger, packed
from notifications.models import NotificationChunk, NotificationEvent
from taskqueue.durable import DurableTask

logger = logging.getLogger(__name__)

EVENTS = NotificationEvent._meta.db_table
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


def plan_audience(event: ViewerEvent, audience: bytes, *, send: DurableTask, now: datetime) -> int:
    """Insert chunks for those of the packed audience that the event lacks, and messages for exactly these chunks.

    A hundred chunks a transaction. Two planners at once: the event counts its chunks, and who finds another
    count starts over. Returns how many viewers were added.
    """
    if not audience:
        return 0
    for _ in range(TRIES):
        planned = _chunks_planned(event)
        missing = _missing(audience, event.event_id) if planned else audience
        if not missing:
            return 0
        try:
            for insert in _inserts(event, missing, index=planned, send=send, now=now):
                run_in_transaction(insert)
        except _PlannedMeanwhile:
            continue
        return len(missing) // ID_BYTES
    raise Unavailable


def _chunks_planned(event: ViewerEvent) -> int:
    """Count the chunks of the event, which may be new."""
    opened = {"goal_id": event.goal_id, "name": event.name, "preset": event.preset}
    counts = {"chunks": 0, "viewers": 0, "planned_at": None, "sent_at": None}
    found = collection(EVENTS).find_one_and_update(
        {"_id": event.event_id},
        {"$setOnInsert": {**opened, **counts}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return int(found["chunks"])


def _missing(audience: bytes, event_id: str) -> bytes:
    """Return who of the audience is in no chunk of the event."""
    # From "id:" to "id;": all ids of its chunks, by the primary key.
    chunks = collection(NotificationChunk._meta.db_table).find(
        {"_id": {"$gt": f"{event_id}:", "$lt": f"{event_id};"}}, {"viewers": True}
    )
    planned = {viewer for chunk in chunks for viewer in _each(chunk["viewers"])}
    return b"".join(viewer for viewer in _each(audience) if viewer not in planned)


def _each(viewers: bytes) -> Iterator[bytes]:
    return (viewers[start : start + ID_BYTES] for start in range(0, len(viewers), ID_BYTES))


def _inserts(
    event: ViewerEvent, missing: bytes, *, index: int, send: DurableTask, now: datetime
) -> Iterator[Callable[[], None]]:
    """Yield the transactions' blocks; the last one says that everybody is planned."""
    size = ID_BYTES * settings.NOTIFY_CHUNK
    step = size * CHUNKS_A_TRANSACTION
    for start in range(0, len(missing), step):
        part = missing[start : start + step]
        chunks = [
            _chunk(event, index + place, part[at : at + size], now=now)
            for place, at in enumerate(range(0, len(part), size))
        ]
        yield partial(_insert, event, chunks, index=index, is_last=start + step >= len(missing), send=send, now=now)
        index += len(chunks)


def _insert(
    event: ViewerEvent,
    chunks: list[NotificationChunk],
    *,
    index: int,
    is_last: bool,
    send: DurableTask,
    now: datetime,
) -> None:
    viewers = sum(len(chunk.ledger) for chunk in chunks)
    changes = {"sent_at": None, "planned_at": now} if is_last else {"sent_at": None}
    won = collection(EVENTS).update_one(
        {"_id": event.event_id, "chunks": index},
        {"$inc": {"chunks": len(chunks), "viewers": viewers}, "$set": changes},
    )
    if won.matched_count != 1:
        raise _PlannedMeanwhile
    NotificationChunk.objects.bulk_create(chunks)
    send.enqueue_many([(chunk.pk,) for chunk in chunks], subject=event.goal_id)
    detail = f"{event.preset}: {viewers} viewers in {len(chunks)} chunks"
    record(event.goal_id, TimelineKind.DELIVERY, event.name, "planned", detail)


def _chunk(event: ViewerEvent, index: int, viewers: bytes, *, now: datetime) -> NotificationChunk:
    ledger = Ledger.planned(viewers)
    return NotificationChunk(
        id=f"{event.event_id}:{index}",
        event_id=event.event_id,
        goal_id=event.goal_id,
        streamer_id=event.streamer_id,
        name=event.name,
        preset=event.preset,
        payload=event.payload,
        first=ledger.viewer(0),
        last=ledger.viewer(len(ledger) - 1),
        viewers=viewers,
        states=ledger.states,
        marked_in=ledger.marked_in,
        planned_at=now,
    )
