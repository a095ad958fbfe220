"""Answers "why wasn't I let in?": what happened to one viewer's payment, events and credentials of a show."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from goals.models import Goal
from notifications.events import STREAM_AUTHORIZED
from notifications.fanout.ledger import State
from notifications.models import NotificationChunk
from notifications.receipts import receipts_of
from showgoals.credential_fetches import fetches_of
from showgoals.payments import payment_of

Report = dict[str, Any]


def viewer_report(goal: Goal, viewer_id: str) -> Report:
    """Return the report as it is on the wire. Times are Unix milliseconds.

    {viewer_id, goal_id, paid: {amount} | null, listed, events: [{event_id, preset, state, attempts, planned_at_ms,
    sent_at_ms, received_at_ms}], credentials_fetched: {first_at_ms, last_at_ms, count} | null}
    """
    goal_id = str(goal.pk)
    payment = payment_of(viewer_id, goal.context.funding_goal_id or goal_id)
    fetched = fetches_of(goal_id, viewer_id)
    return {
        "viewer_id": viewer_id,
        "goal_id": goal_id,
        "paid": None if payment.amount is None else {"amount": payment.amount},
        "listed": payment.is_listed,
        "events": list(_events(goal_id, viewer_id)),
        "credentials_fetched": fetched
        and {
            "first_at_ms": _milliseconds(fetched.first_at),
            "last_at_ms": _milliseconds(fetched.last_at),
            "count": fetched.count,
        },
    }


def _events(goal_id: str, viewer_id: str) -> Iterator[Report]:
    """Yield what became of each `stream.authorized`, in order of planning."""
    chunks = NotificationChunk.possibly_with(viewer_id, goal_id=goal_id).filter(name=STREAM_AUTHORIZED)
    received = receipts_of(goal_id, [viewer_id]).get(viewer_id, {})
    for chunk in sorted(chunks, key=lambda chunk: (chunk.planned_at, chunk.preset)):
        if entry := chunk.ledger.entry(viewer_id):
            sent_at = chunk.settled_at[entry.attempt - 1] if entry.state is State.SENT else None
            yield {
                "event_id": chunk.event_id,
                "preset": chunk.preset,
                "state": entry.state.value,
                "attempts": entry.attempt,
                "planned_at_ms": _milliseconds(chunk.planned_at),
                "sent_at_ms": sent_at and _milliseconds(sent_at),
                "received_at_ms": received.get(chunk.event_id),
            }


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
