"""Attempts to send a chunk, and what they store. Each write is conditional, so concurrent attempts lose nothing."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from pymongo import ReturnDocument

from config.errors import TransportError
from goals.models import TimelineKind
from goals.timeline import record
from mongodb.collections import Document, collection, quick_collection
from mongodb.documents import instance
from mongodb.transactions import run_in_transaction
from notifications.fanout.ledger import LAST_ATTEMPT, SENT, Ledger, State
from notifications.fanout.sending import deliver_chunk, goal_of, reason_not_to_send
from notifications.in_order import wait_for_preview
from notifications.models import CHUNKS, EVENTS, NotificationChunk

# Fields that sending does not read.
UNREAD = dict.fromkeys(("planned_at", "last_attempt_at", "settled_at", "sent_at", "rejoined"), False)


class Settled(NamedTuple):
    """A chunk after an attempt. `all_noted` is true if the timeline now says that every viewer has got the event."""

    ledger: Ledger
    all_noted: bool


def attempt(chunk_id: str) -> str:
    """Send the chunk's event to the viewers who have not got it, and store what became of each.

    Raises TransportError: a passing one if viewers are left, else a permanent one if the vendor refused some.
    """
    now = datetime.now(UTC)
    chunk = begin_attempt(chunk_id, now=now)
    if not any(True for _ in chunk.ledger.to_send()):
        _note_if_all_sent(chunk)
        return "settled_before" if chunk.ledger.is_settled else "failed_before"
    goal = goal_of(chunk)
    if reason := reason_not_to_send(chunk, goal, now=now):
        run_in_transaction(partial(close, chunk, reason, now=now))
        return reason.value
    wait_for_preview(chunk)
    states = deliver_chunk(chunk, goal, now=now)
    settled = run_in_transaction(partial(_settle, chunk, states, now=datetime.now(UTC)))
    _raise_unless_done(chunk, settled.ledger, refused=Counter(states.values())[State.FAILED])
    if not settled.all_noted:
        _note_if_all_sent(chunk)
    return "sent"


def begin_attempt(chunk_id: str, *, now: datetime) -> NotificationChunk:
    """Count an attempt and return the chunk. Its `attempts` is then the number of this attempt.

    The write may be lost in a failover, which does no harm. Raises NotificationChunk.DoesNotExist.
    """
    changes = {"$inc": {"attempts": 1}, "$set": {"last_attempt_at": now}}
    found = quick_collection(CHUNKS).find_one_and_update(
        {"_id": chunk_id}, changes, UNREAD, return_document=ReturnDocument.AFTER
    )
    if found is None:
        raise NotificationChunk.DoesNotExist(chunk_id)
    return instance(NotificationChunk, found, deferred=UNREAD)


def write_states(chunk: NotificationChunk, states: Mapping[int, State], *, now: datetime) -> Ledger:
    """Store the states that an attempt has found, by position. Return the ledger as it then is.

    The write is conditional on the states that were read. If another attempt or a redelivery has written meanwhile,
    read them again and merge.
    """
    seen = current = chunk.ledger
    while True:
        marked = current.marked(states, seen=seen, attempt=chunk.attempts)
        changes = {
            "states": marked.states,
            "marked_in": marked.marked_in,
            "sent_at": now if marked.is_settled else None,
            f"settled_at.{min(chunk.attempts, LAST_ATTEMPT) - 1}": now,
        }
        unchanged = {"states": current.states, "redeliveries": current.redeliveries or None}
        written = collection(CHUNKS).update_one({"_id": chunk.pk, **unchanged}, {"$set": changes})
        if written.matched_count == 1:
            return marked
        current = NotificationChunk.objects.get(pk=chunk.pk).ledger


def close(chunk: NotificationChunk, reason: State, *, now: datetime) -> int:
    """Settle the viewers who were not told as expired or superseded. Return how many. Runs in the open transaction."""
    left = list(chunk.ledger.to_send())
    marked = chunk.ledger.marked(dict.fromkeys(left, reason), seen=chunk.ledger, attempt=chunk.attempts)
    changes = {"states": marked.states, "marked_in": marked.marked_in, "sent_at": now}
    closed = collection(CHUNKS).update_one({"_id": chunk.pk, "states": chunk.ledger.states}, {"$set": changes})
    if closed.matched_count and left:
        collection(EVENTS).update_one({"_id": chunk.event_id}, {"$set": {"closed_as": reason.value}})
        _record(chunk, reason, len(left))
    return len(left) if closed.matched_count else 0


def _settle(chunk: NotificationChunk, states: Mapping[int, State], *, now: datetime) -> Settled:
    """Store the states that an attempt has found, and put them on the timeline."""
    ledger = write_states(chunk, states, now=now)
    counts = Counter(states.values())
    for state in (State.SENT, State.FAILED, State.EXCLUDED):
        if counts[state]:
            _record(chunk, state, counts[state])
    # If it is the event's only chunk, no second transaction is needed to note that all viewers were told.
    is_only = {"_id": chunk.event_id, "chunks": 1}
    all_noted = ledger.is_settled and chunk.is_first and _note_once(is_only, sent=ledger.states.count(SENT), now=now)
    return Settled(ledger, all_noted)


def _record(chunk: NotificationChunk, state: State, viewers: int) -> None:
    record(chunk.goal_id, TimelineKind.DELIVERY, chunk.name, state.value, f"{chunk.preset}: {viewers} viewers")


def _raise_unless_done(chunk: NotificationChunk, ledger: Ledger, *, refused: int) -> None:
    """Raise a passing error, so that the queue tries again what is left, or a permanent one for what was refused."""
    if left := sum(1 for _ in ledger.to_send()):
        reason = f"{left} of {len(ledger)} viewers are left."
        raise TransportError(reason, permanent=False, chunk_id=chunk.pk, attempt=str(chunk.attempts))
    if refused:
        raise TransportError(f"{refused} viewers were refused.", permanent=True, chunk_id=chunk.pk)


def _note_if_all_sent(chunk: NotificationChunk) -> None:
    """Put on the timeline, once, that an event has been sent to every viewer, if no chunk of it is left."""
    its_chunks = {"goal_id": chunk.goal_id, "event_id": chunk.event_id}
    if collection(CHUNKS).find_one({**its_chunks, "sent_at": None}, {"_id": True}) is not None:
        return
    sent = sum(each["states"].count(SENT) for each in collection(CHUNKS).find(its_chunks, {"states": True}))
    run_in_transaction(partial(_note_once, {"_id": chunk.event_id}, sent=sent, now=datetime.now(UTC)))


def _note_once(condition: Document, *, sent: int, now: datetime) -> bool:
    event = collection(EVENTS).find_one_and_update(
        {**condition, "planned_at": {"$ne": None}, "sent_at": None, "closed_as": None}, {"$set": {"sent_at": now}}
    )
    if event is None:
        return False
    detail = f"{event['preset']}: {sent} viewers in {event['chunks']} chunks"
    record(event["goal_id"], TimelineKind.DELIVERY, event["name"], "all_sent", detail)
    return True
