"""A chunk's way through its attempts, in the database: every write is conditional, so that none is lost."""

from collections.abc import Mapping
from datetime import datetime

from pymongo import ReturnDocument

from config.transactions import collection, run_in_transaction
from goals.timeline import TimelineKind, record
from notifications.ledger import LAST_ATTEMPT, Ledger, State
from notifications.models import NotificationChunk, NotificationEvent

CHUNKS = NotificationChunk._meta.db_table
EVENTS = NotificationEvent._meta.db_table


def begin_attempt(chunk_id: str, *, now: datetime) -> NotificationChunk:
    """Count an attempt; return the chunk as it then is. Its `attempts` is this attempt's number."""
    began = {"$inc": {"attempts": 1}, "$set": {"last_attempt_at": now}}
    counted = collection(CHUNKS).find_one_and_update(
        {"_id": chunk_id}, began, {"attempts": True}, return_document=ReturnDocument.AFTER
    )
    chunk = NotificationChunk.objects.get(pk=chunk_id)
    chunk.attempts = counted["attempts"]
    return chunk


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
        run_in_transaction(lambda: _note_once(event_id, now=now))


def _note_once(event_id: str, *, now: datetime) -> None:
    event = collection(EVENTS).find_one_and_update(
        {"_id": event_id, "planned_at": {"$ne": None}, "sent_at": None}, {"$set": {"sent_at": now}}
    )
    if event is not None:
        detail = f"{event['preset']}: {event['viewers']} viewers in {event['chunks']} chunks"
        record(event["goal_id"], TimelineKind.DELIVERY, event["name"], "all_sent", detail)
