"""Plans an event: stores its audience in chunks, and queues a message for each chunk.

A run plans only viewers who are in no chunk yet. So a rerun after a crash continues where the first run ended,
and a later run adds the viewers who have paid since (docs/adr/0021-notification-chunks.md).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.conf import settings
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from config.errors import Unavailable
from goals.models import TimelineKind
from goals.timeline import record
from mongodb.collections import Document, collection
from mongodb.failures import is_duplicate
from mongodb.transactions import insert_at_commit, run_in_transaction
from notifications.fanout.audience import Audience, Senders, ViewerEvent
from notifications.fanout.ledger import ID_BYTES, Ledger, each_viewer
from notifications.models import CHUNKS, EVENTS
from taskqueue.durable import DurableTask

T = TypeVar("T")

CHUNKS_PER_TRANSACTION = 100
MOST_RUNS = 10


@dataclass(frozen=True, slots=True)
class _Missing:
    """The viewers for whom an event is not planned yet. `index` is the number of the first chunk to plan."""

    audience: Audience
    event: ViewerEvent
    index: int
    viewers: bytes


@dataclass(frozen=True, slots=True)
class _Part:
    """Consecutive chunks of an event. `chunks` has the packed viewers of each chunk.

    `index` is the number of the first chunk.
    """

    audience: Audience
    event: ViewerEvent
    index: int
    chunks: tuple[bytes, ...]
    is_last: bool
    send: DurableTask

    @property
    def viewers(self) -> int:
        """Count the viewers of all chunks."""
        return sum(len(chunk) for chunk in self.chunks) // ID_BYTES

    @property
    def completes_call(self) -> bool:
        """Tell whether this part is the last of its call."""
        return self.is_last and self.event is self.audience.events[-1]


class _PlannedMeanwhile(Exception):
    """Meanwhile, another run has planned chunks of the same event."""


def plan_audiences(audiences: Sequence[Audience], *, senders: Senders, now: datetime) -> list[int]:
    """Plan each audience's events for the viewers who are in no chunk.

    Return how many viewers were added for each audience. A viewer counts once for each event. Each transaction inserts
    up to a hundred chunks, of one show or of many, and their messages, so the first chunks are sent while later chunks
    are planned. The transaction also deletes the messages of the calls that it completes. If an event's count of
    chunks has changed meanwhile, another run is planning the same event. This run then starts over. Raises Unavailable
    after MOST_RUNS runs.
    """
    added = dict.fromkeys(map(id, audiences), 0)
    for different in _rounds(audiences):
        for part in _plan(different, senders=senders, now=now):
            added[id(part.audience)] += part.viewers
    return [added[id(audience)] for audience in audiences]


def _rounds(audiences: Sequence[Audience]) -> Iterator[list[Audience]]:
    """Yield the audiences in rounds. If two calls want the same event, their audiences are in different rounds."""
    rest = list(audiences)
    while rest:
        firsts = {audience.events[0].event_id: audience for audience in reversed(rest)}
        yield [audience for audience in rest if audience is firsts[audience.events[0].event_id]]
        rest = [audience for audience in rest if audience is not firsts[audience.events[0].event_id]]


def _plan(audiences: Sequence[Audience], *, senders: Senders, now: datetime) -> Iterator[_Part]:
    """Plan the audiences, and yield what was planned."""
    for _ in range(MOST_RUNS):
        try:
            for parts in _together(_parts(audiences, senders), lambda part: len(part.chunks)):
                run_in_transaction(partial(_insert, parts, now=now))
                yield from parts
        except _PlannedMeanwhile:
            continue
        return
    raise Unavailable


def _parts(audiences: Sequence[Audience], senders: Senders) -> Iterator[_Part]:
    """Yield the missing chunks of each event, in parts that fit into a transaction."""
    size = ID_BYTES * settings.NOTIFY_CHUNK
    step = size * CHUNKS_PER_TRANSACTION
    for missing in _missing(audiences):
        index = missing.index
        send = senders.for_viewers(len(missing.viewers) // ID_BYTES)
        for start in range(0, len(missing.viewers), step):
            some = missing.viewers[start : start + step]
            chunks = tuple(some[at : at + size] for at in range(0, len(some), size))
            is_last = start + step >= len(missing.viewers)
            yield _Part(missing.audience, missing.event, index, chunks, is_last, send)
            index += len(chunks)


def _missing(audiences: Sequence[Audience]) -> Iterator[_Missing]:
    """Yield, for each event, the viewers who are in none of its chunks. Up to a hundred chunks are read at a time."""
    events = [(audience, event) for audience in audiences for event in audience.events]
    counts = _chunks_planned([event for _audience, event in events])
    for some in _together(events, lambda of: counts.get(of[1].event_id, 0)):
        ids = [f"{event.event_id}:{index}" for _, event in some for index in range(counts.get(event.event_id, 0))]
        planned = defaultdict[str, set[bytes]](set)
        for chunk in collection(CHUNKS).find({"_id": {"$in": ids}}, {"event_id": True, "viewers": True}) if ids else ():
            planned[chunk["event_id"]].update(each_viewer(chunk["viewers"]))
        for audience, event in some:
            viewers = audience.viewers
            if there := planned.get(event.event_id):
                viewers = b"".join(viewer for viewer in each_viewer(viewers) if viewer not in there)
            yield _Missing(audience, event, counts.get(event.event_id, 0), viewers)


def _together(items: Iterable[T], chunks: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield groups of items that together have up to a hundred chunks. A larger item is a group of its own."""
    group: list[T] = []
    count = 0
    for item in items:
        if group and count + chunks(item) > CHUNKS_PER_TRANSACTION:
            yield group
            group, count = [], 0
        group.append(item)
        count += chunks(item)
    if group:
        yield group


def _chunks_planned(events: Sequence[ViewerEvent]) -> dict[str, int]:
    """Return the number of chunks of each event that has any."""
    condition = {"_id": {"$in": [event.event_id for event in events]}}
    return {found["_id"]: found["chunks"] for found in collection(EVENTS).find(condition, {"chunks": True})}


def _insert(parts: list[_Part], *, now: datetime) -> None:
    _count(parts, now=now)
    for part in parts:
        event = part.event
        documents = [
            _chunk(event, place, viewers, now=now) for place, viewers in enumerate(part.chunks, start=part.index)
        ]
        insert_at_commit(CHUNKS, *documents)
        with part.audience.call.for_its_request():
            detail = f"{event.preset}: {part.viewers} viewers in {len(part.chunks)} chunks"
            record(event.goal_id, TimelineKind.DELIVERY, event.name, "planned", detail)
            for document in documents:
                part.send.enqueue(document["_id"], subject=event.goal_id, weight=len(document["states"]))
        if part.completes_call:
            part.audience.call.delete_at_commit()


def _count(parts: Sequence[_Part], *, now: datetime) -> None:
    """Add each part's chunks to its event's count. Insert new events.

    Raise _PlannedMeanwhile if a count has changed.
    """
    try:
        counted = collection(EVENTS).bulk_write([_counted(part, now=now) for part in parts])
    except BulkWriteError as error:
        if not is_duplicate(error):
            raise
        raise _PlannedMeanwhile from error
    if counted.matched_count + counted.upserted_count != len(parts):
        raise _PlannedMeanwhile


def _counted(part: _Part, *, now: datetime) -> UpdateOne:
    opened = {"goal_id": part.event.goal_id, "name": part.event.name, "preset": part.event.preset}
    planned_at = {"planned_at": now} if part.is_last else {}
    return UpdateOne(
        {"_id": part.event.event_id, "chunks": part.index},
        {
            "$inc": {"chunks": len(part.chunks), "viewers": part.viewers},
            "$set": {"sent_at": None, **planned_at},
            "$setOnInsert": opened | ({} if planned_at else {"planned_at": None}),
        },
        upsert=part.index == 0,
    )


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
