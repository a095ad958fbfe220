"""Sends chunks, many at a time. Each try to send a chunk is an attempt. `settling` stores the results."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from bson import ObjectId

from config import clock
from goals.models import DEFERRED, Goal
from mongodb.collections import Document, quick_collection
from mongodb.documents import find, instance
from mongodb.transactions import run_in_transaction
from notifications.backends import get_realtime
from notifications.fanout.chunk_calls import Attempt, ChunkCalls
from notifications.fanout.reasons import not_active, reason_not_to_send
from notifications.fanout.sending import UsefulCalls
from notifications.fanout.settling import Settled, note_if_all_sent, settle
from notifications.models import CHUNKS, NotificationChunk
from showgoals.exclusions import excluded_from_each, funding_goal_of
from taskqueue.calls import Call, Outcome

# Fields that sending does not read.
UNREAD = dict.fromkeys(("planned_at", "last_attempt_at", "settled_at", "sent_at", "rejoined"), False)


def attempt_chunks(calls: Sequence[Call]) -> list[Outcome]:
    """Send the events of the calls' chunks to the viewers who still need them. Return the outcome of each call."""
    now = clock.now()
    attempts = begin_attempts(calls, now=now)
    some_left = [attempt for attempt in attempts.values() if attempt.to_send]
    find_reasons(some_left, now=now)
    deliver_chunks([attempt for attempt in some_left if attempt.reason is None], now=now)
    settled: Mapping[str, Settled] = {}
    if some_left:
        settled = run_in_transaction(partial(settle, some_left, now=clock.now()))
    outcomes: dict[str, Outcome] = {chunk_id: each.outcome for chunk_id, each in settled.items()}
    for chunk_id, attempt in attempts.items():
        done_before = "settled_before" if attempt.ledger.is_settled else "failed_before"
        outcomes.setdefault(chunk_id, done_before)
    noted = {chunk_id for chunk_id, each in settled.items() if each.all_noted}
    note_if_all_sent(
        [each for chunk_id, each in attempts.items() if isinstance(outcomes[chunk_id], str) and chunk_id not in noted]
    )
    ids = [str(call.args[0]) for call in calls]
    return [outcomes[each] if each in outcomes else NotificationChunk.DoesNotExist(each) for each in ids]


def begin_attempts(calls: Sequence[Call], *, now: datetime) -> dict[str, Attempt]:
    """Count an attempt at each call's chunk. Return the attempts by the ids of the chunks, in the order of the calls.

    A failover may lose the write, which does no harm. Several calls for one chunk count as one attempt.
    """
    first_calls = {str(call.args[0]): call for call in reversed(calls)}
    chunks: Document = {"_id": {"$in": list(first_calls)}}
    quick_collection(CHUNKS).update_many(chunks, {"$inc": {"attempts": 1}, "$set": {"last_attempt_at": now}})
    found = {chunk["_id"]: chunk for chunk in quick_collection(CHUNKS).find(chunks, UNREAD)}
    return {
        chunk_id: Attempt.of(first_calls[chunk_id], instance(NotificationChunk, found[chunk_id], deferred=UNREAD))
        for chunk_id in dict.fromkeys(str(call.args[0]) for call in calls)
        if chunk_id in found
    }


def find_reasons(attempts: Sequence[Attempt], *, now: datetime) -> None:
    """Note which chunks must no longer be sent, and which viewers of the other chunks must be left out."""
    ids = {ObjectId(attempt.chunk.goal_id) for attempt in attempts}
    goals = {str(goal.pk): goal for goal in find(Goal, {"_id": {"$in": list(ids)}}, deferred=DEFERRED)} if ids else {}
    for attempt in attempts:
        if reason := reason_not_to_send(attempt.chunk, goals.get(attempt.chunk.goal_id), now=now):
            attempt.give_up(reason)
    sending = [attempt for attempt in attempts if attempt.reason is None]
    inactive = not_active({viewer for attempt in sending for viewer in attempt.to_send.values()})
    lists = {goal_id: funding_goal_of(goal) for goal_id, goal in goals.items()}
    excluded = excluded_from_each({lists[attempt.chunk.goal_id] for attempt in sending})
    for attempt in sending:
        attempt.leave_out(inactive | excluded[lists[attempt.chunk.goal_id]])


def deliver_chunks(attempts: Sequence[Attempt], *, now: datetime) -> None:
    """Send the events, and note the results in the attempts. Nothing was sent to a viewer without a result."""
    calls = ChunkCalls(attempts, get_realtime().limits, now=now)
    for result in UsefulCalls(calls).results():
        calls.note(result)
