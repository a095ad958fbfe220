"""A chunk's way through its attempts, in the database: every write is conditional, so that none is lost."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from pymongo import ReturnDocument

from goals.timeline import TimelineKind, record
from mongodb.documents import instance
from mongodb.transactions import Document, collection, quick_collection, run_in_transaction
from notifications.fanout.ledger import LAST_ATTEMPT, Ledger, State
from notifications.models import CHUNKS, EVENTS, NotificationChunk

# Sending needs no times.
WITHOUT_TIMES = dict.fromkeys(("planned_at", "last_attempt_at", "settled_at", "sent_at"), False)


def begin_attempt(chunk_id: str, *, now: datetime) -> NotificationChunk:
    """Count an attempt; return the chunk as it then is. Its `attempts` is this attempt's number.

    If the count is lost nothing else is. Raises NotificationChunk.DoesNotExist.
    """
    began = {"$inc": {"attempts": 1}, "$set": {"last_attempt_at": now}}
    found = quick_collection(CHUNKS).find_one_and_update(
        {"_id": chunk_id}, began, WITHOUT_TIMES, return_document=ReturnDocument.AFTER
    )
    if found is None:
        raise NotificationChunk.DoesNotExist(chunk_id)
    return instance(NotificationChunk, found, deferred=WITHOUT_TIMES)


class Settled(NamedTuple):
    """A chunk after an attempt. `all_noted`: the timeline has it that the event has been sent to everybody."""

    ledger: Ledger
    all_noted: bool


def settle_attempt(chunk: NotificationChunk, outcomes: Mapping[int, State], *, now: datetime) -> Settled:
    """Write what an attempt has learned, and put it on the timeline, in one transaction."""
    return run_in_transaction(lambda: _settle(chunk, outcomes, now=now))


def _settle(chunk: NotificationChunk, outcomes: Mapping[int, State], *, now: datetime) -> Settled:
    ledger = write_outcomes(chunk, outcomes, now=now)
    counts = Counter(outcomes.values())
    for state in (State.SENT, State.FAILED):
        if counts[state]:
            detail = f"{chunk.preset}: {counts[state]} viewers"
            record(chunk.goal_id, TimelineKind.DELIVERY, chunk.name, state.value, detail)
    is_all = ledger.is_sent and chunk.is_first and _note_once({"_id": chunk.event_id, "chunks": 1}, now=now)
    return Settled(ledger, is_all)


def write_outcomes(chunk: NotificationChunk, outcomes: Mapping[int, State], *, now: datetime) -> Ledger:
    """Mark what an attempt that began with this chunk has learned. Returns the ledger as it then is.

    The condition is the states that were read. If another attempt, or a redelivery, has written in between, its
    states are read and both are kept.
    """
    seen = current = chunk.ledger
    while True:
        marked = current.marked(outcomes, seen=seen, attempt=chunk.attempts)
        changes = {
            "states": marked.states,
            "marked_in": marked.marked_in,
            "sent_at": now if marked.is_sent else None,
            f"settled_at.{min(chunk.attempts, LAST_ATTEMPT) - 1}": now,
        }
        written = collection(CHUNKS).update_one({"_id": chunk.pk, "states": current.states}, {"$set": changes})
        if written.matched_count == 1:
            return marked
        current = NotificationChunk.objects.get(pk=chunk.pk).ledger


def note_all_sent(goal_id: str, event_id: str, *, now: datetime) -> None:
    """Put on the timeline that an event has been sent to everybody, if it has: once, whoever sent the last chunk."""
    unsent = {"goal_id": goal_id, "event_id": event_id, "sent_at": None}
    if collection(CHUNKS).find_one(unsent, {"_id": True}) is None:
        run_in_transaction(lambda: _note_once({"_id": event_id}, now=now))


def _note_once(condition: Document, *, now: datetime) -> bool:
    event = collection(EVENTS).find_one_and_update(
        {**condition, "planned_at": {"$ne": None}, "sent_at": None}, {"$set": {"sent_at": now}}
    )
    if event is None:
        return False
    detail = f"{event['preset']}: {event['viewers']} viewers in {event['chunks']} chunks"
    record(event["goal_id"], TimelineKind.DELIVERY, event["name"], "all_sent", detail)
    return True
