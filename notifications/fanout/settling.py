"""Stores the results of attempts to send chunks. The results of concurrent attempts are merged, so none is lost."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from pymongo import UpdateOne

from api.request_id import current_request_id
from config import clock
from config.errors import TransportError
from goals.models import TimelineKind
from goals.timeline import record
from mongodb.collections import Document, collection
from mongodb.transactions import run_in_transaction
from notifications.fanout.chunk_calls import Attempt
from notifications.fanout.ledger import LAST_ATTEMPT, SENT, Ledger, State
from notifications.models import CHUNKS, EVENTS, NotificationChunk
from taskqueue.calls import Call, Outcome

# The condition for events that may have been sent to every viewer, but for which the timeline does not say so yet.
UNNOTED: Document = {"planned_at": {"$ne": None}, "sent_at": None, "closed_as": None}
# The timeline shows only these states.
FINAL = (State.SENT, State.FAILED, State.EXCLUDED, State.EXPIRED, State.SUPERSEDED)
COLUMNS = dict.fromkeys(("states", "marked_in", "redeliveries"), True)


@dataclass(frozen=True, slots=True)
class Settled:
    """A chunk after an attempt.

    `all_noted` tells whether `settle` has noted on the timeline that the chunk's event was sent to all viewers.
    """

    outcome: Outcome
    all_noted: bool


def settle(attempts: Sequence[Attempt], *, now: datetime) -> dict[str, Settled]:
    """Store what the attempts have found. Delete the messages of the attempts that are done.

    Return a `Settled` for each attempt, by the chunk's id. Runs in the open transaction.
    """
    ledgers = write_ledgers(attempts, now=now)
    outcomes = {attempt.chunk.pk: _outcome(attempt, ledgers.get(attempt.chunk.pk)) for attempt in attempts}
    for attempt in attempts:
        if attempt.chunk.pk in ledgers:
            _record_states(attempt)
        if isinstance(outcomes[attempt.chunk.pk], str):
            attempt.call.delete_at_commit()
    # If an event has only one chunk, this transaction can note that all viewers were told.
    only = {
        attempt.chunk.event_id: (attempt.call, ledger.states.count(SENT))
        for attempt in attempts
        if attempt.chunk.is_first and (ledger := ledgers.get(attempt.chunk.pk)) and ledger.is_settled
    }
    noted = _note_all_sent(only, {"chunks": 1}, now=now)
    return {
        attempt.chunk.pk: Settled(outcomes[attempt.chunk.pk], attempt.chunk.event_id in noted) for attempt in attempts
    }


def write_ledgers(attempts: Sequence[Attempt], *, now: datetime) -> dict[str, Ledger]:
    """Merge what the attempts have found into their chunks. Return the new ledgers by chunk id.

    If an attempt has a reason not to send, and its chunk has changed since the attempt began, the chunk is left
    unchanged and is not in the result. The columns are read in the open transaction. If another transaction writes the
    columns meanwhile, this transaction runs again.
    """
    ids = [attempt.chunk.pk for attempt in attempts]
    columns = {chunk["_id"]: chunk for chunk in collection(CHUNKS).find({"_id": {"$in": ids}}, COLUMNS)}
    ledgers: dict[str, Ledger] = {}
    for attempt in attempts:
        current = _current(attempt.ledger, columns.get(attempt.chunk.pk, {}))
        if attempt.reason is None or current.states == attempt.ledger.states:
            ledgers[attempt.chunk.pk] = current.marked(
                attempt.found, seen=attempt.ledger, attempt=attempt.chunk.attempts
            )
    written = [attempt for attempt in attempts if attempt.chunk.pk in ledgers]
    if written:
        collection(CHUNKS).bulk_write([_write(each, ledgers[each.chunk.pk], now=now) for each in written])
    _close_events(written)
    return ledgers


def close(chunk: NotificationChunk, reason: State, *, now: datetime) -> int:
    """Store the reason as the state of the viewers who were not told. Return the number of these viewers.

    Runs in the open transaction.
    """
    attempt = Attempt.of(Call((chunk.pk,), request_id=current_request_id()), chunk)
    attempt.give_up(reason)
    ledgers = write_ledgers([attempt], now=now)
    if ledgers:
        _record_states(attempt)
    return len(attempt.news) if ledgers else 0


def note_if_all_sent(attempts: Sequence[Attempt]) -> None:
    """Note on the timelines, once for each event, that no chunk of the event is left to send."""
    by_event = {attempt.chunk.event_id: attempt for attempt in attempts}
    unnoted = {"_id": {"$in": list(by_event)}, **UNNOTED}
    for event in collection(EVENTS).find(unnoted, {"_id": True}) if by_event else ():
        attempt = by_event[event["_id"]]
        its_chunks = {"goal_id": attempt.chunk.goal_id, "event_id": event["_id"]}
        if collection(CHUNKS).find_one({**its_chunks, "sent_at": None}, {"_id": True}) is None:
            sent = sum(each["states"].count(SENT) for each in collection(CHUNKS).find(its_chunks, {"states": True}))
            note = partial(_note_all_sent, {event["_id"]: (attempt.call, sent)}, {}, now=clock.now())
            run_in_transaction(note)


def _current(seen: Ledger, columns: Mapping[str, Any]) -> Ledger:
    """Return the seen ledger with these columns, or the seen ledger itself if its chunk is gone."""
    if not columns:
        return seen
    redeliveries = bytes(columns.get("redeliveries") or b"")
    return replace(seen, states=columns["states"], marked_in=bytes(columns["marked_in"]), redeliveries=redeliveries)


def _write(attempt: Attempt, ledger: Ledger, *, now: datetime) -> UpdateOne:
    changes: Document = {"states": ledger.states, "marked_in": ledger.marked_in}
    if attempt.reason is not None:
        changes |= {"sent_at": now}
    else:
        settled_at = f"settled_at.{min(attempt.chunk.attempts, LAST_ATTEMPT) - 1}"
        changes |= {"sent_at": now if ledger.is_settled else None, settled_at: now}
    return UpdateOne({"_id": attempt.chunk.pk}, {"$set": changes})


def _close_events(attempts: Iterable[Attempt]) -> None:
    """Store in the events why some viewers of these chunks were not told."""
    closed = defaultdict[State, list[str]](list)
    for attempt in attempts:
        if attempt.reason is not None and attempt.news:
            closed[attempt.reason].append(attempt.chunk.event_id)
    for reason, event_ids in closed.items():
        collection(EVENTS).update_many({"_id": {"$in": event_ids}}, {"$set": {"closed_as": reason.value}})


def _record_states(attempt: Attempt) -> None:
    """Put on the timeline what became of the event.

    Viewers who subscribe late are left out, because each would add a row.
    """
    chunk, counts = attempt.chunk, Counter(attempt.news.values())
    with attempt.call.for_its_request():
        for state in FINAL:
            if counts[state]:
                detail = f"{chunk.preset}: {counts[state]} viewers"
                record(chunk.goal_id, TimelineKind.DELIVERY, chunk.name, state.value, detail)


def _outcome(attempt: Attempt, ledger: Ledger | None) -> Outcome:
    """Return "sent", or the reason why the chunk was not sent.

    Return a temporary error if events are left to send, or a permanent error if the vendor refused some.
    """
    if attempt.reason is not None or ledger is None:
        return str(attempt.reason)
    chunk = attempt.chunk
    if left := sum(1 for _ in ledger.to_send()):
        reason = f"{left} of {len(ledger)} viewers are left."
        return TransportError(reason, permanent=False, chunk_id=chunk.pk, attempt=str(chunk.attempts))
    if refused := Counter(attempt.found.values())[State.FAILED]:
        return TransportError(f"{refused} viewers were refused.", permanent=True, chunk_id=chunk.pk)
    return "sent"


def _note_all_sent(sent: Mapping[str, tuple[Call, int]], condition: Document, *, now: datetime) -> set[str]:
    """Note on the timelines that events were sent to all viewers, unless this was noted before.

    Return the ids of the events that are noted now. `sent` maps each event_id to a call that sent the event, and the
    number of viewers to whom it was sent.
    """
    if not sent:
        return set()
    found = list(collection(EVENTS).find({"_id": {"$in": list(sent)}, **condition, **UNNOTED}))
    ids = [event["_id"] for event in found]
    collection(EVENTS).update_many({"_id": {"$in": ids}}, {"$set": {"sent_at": now}})
    for event in found:
        call, count = sent[event["_id"]]
        with call.for_its_request():
            detail = f"{event['preset']}: {count} viewers in {event['chunks']} chunks"
            record(event["goal_id"], TimelineKind.DELIVERY, event["name"], "all_sent", detail)
    return set(ids)
