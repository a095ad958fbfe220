"""The report on why a viewer was or was not let in: what happened to the viewer's payment, events and credentials."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from goals.models import Goal
from notifications.events import SD, STREAM_AUTHORIZED
from notifications.fanout.explanation import Case, in_words, why
from notifications.fanout.ledger import State
from notifications.models import NotificationChunk
from notifications.receipts import receipts_of
from showgoals.credential_fetches import fetches_of
from showgoals.exclusions import funding_goal_of, is_excluded
from showgoals.models import ShowGoal
from showgoals.payments import Payment, payment_of

Report = dict[str, Any]


def viewer_report(goal: Goal, viewer_id: str, *, now: datetime) -> Report:
    """Return the report as the API returns it. Times are Unix milliseconds. A funding goal's report is about its show.

    {viewer_id, goal_id, code, explanation, outcome, paid: {amount} | null, listed, events: [{event_id, preset, state,
    attempts, planned_at_ms, sent_at_ms, received_at_ms}], credentials_fetched: {first_at_ms, last_at_ms, count} | null}
    """
    funding_goal, show = _pair(goal)
    goal_id = str((show or goal).pk)
    payment = payment_of(viewer_id, str(funding_goal.pk))
    fetched = fetches_of(goal_id, viewer_id)
    events = list(_events(goal_id, viewer_id))
    case = _case(viewer_id, funding_goal, show, payment, events, has_fetched=fetched is not None)
    code = why(case, now=now)
    return {
        "viewer_id": viewer_id,
        "goal_id": str(goal.pk),
        "code": code.value,
        "explanation": in_words(case, code),
        "outcome": case.outcome and case.outcome.value,
        "paid": None if payment.amount is None else {"amount": payment.amount},
        "listed": payment.is_listed,
        "events": events,
        "credentials_fetched": fetched
        and {
            "first_at_ms": _milliseconds(fetched.first_at),
            "last_at_ms": _milliseconds(fetched.last_at),
            "count": fetched.count,
        },
    }


def _pair(goal: Goal) -> tuple[Goal, Goal | None]:
    """Return the funding goal and its show. `goal` is one of the two.

    A goal of any other kind counts as a funding goal.
    """
    if isinstance(goal, ShowGoal):
        return Goal.objects.filter(pk=funding_goal_of(goal)).first() or goal, goal
    show_id = goal.context.show_goal_id
    return goal, Goal.objects.filter(pk=show_id).first() if show_id else None


def _case(
    viewer_id: str,
    funding_goal: Goal,
    show: Goal | None,
    payment: Payment,
    events: Sequence[Report],
    *,
    has_fetched: bool,
) -> Case:
    return Case(
        has_paid=payment.amount is not None or payment.is_listed,
        is_active=User.objects.filter(pk=viewer_id, is_active=True).exists(),
        is_excluded=is_excluded(viewer_id, str(funding_goal.pk)),
        funding_goal=funding_goal,
        show=show,
        sd_states={event["event_id"]: State(event["state"]) for event in events if event["preset"] == SD},
        has_received=any(event["received_at_ms"] for event in events if event["preset"] == SD),
        has_fetched=has_fetched,
    )


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
