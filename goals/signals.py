"""The signals of a goal's life, and how receivers connect to them. The payloads are in `payloads.py`.

A signal is announced inside the transaction that writes the change. Receivers may write to MongoDB and enqueue tasks,
but they never call another service. A receiver's exception aborts the transaction. The `sender` is the goal's kind.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar, cast

from django.dispatch import Signal

from goals.kinds import GoalKind
from goals.payloads import GoalPayload
from goals.timeline import next_seq, record_announcement

logger = logging.getLogger(__name__)


class GoalSignal(Signal):
    """A Django signal with a name, such as `goal.created`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


# A goal was inserted. Sent in the transaction of the request; carries GoalCreated.
goal_created = GoalSignal("goal.created")
# A goal was bound to its session. Sent in the transaction of the request; carries GoalAdded.
goal_added = GoalSignal("goal.added")
# A goal was started. Sent exactly once, in the transaction that claims the goal; carries GoalStarted.
goal_started = GoalSignal("goal.started")
# A show was moved, changed, extended or revived, its streamer has really begun, or a funding goal got another `exp`.
# Sent in the transaction that stores the change; carries GoalUpdated.
goal_updated = GoalSignal("goal.updated")
# A goal was cancelled before it started. Sent in the transaction that cancels the goal; carries GoalCancelled.
goal_cancelled = GoalSignal("goal.cancelled")
# A show or a funding goal ended. Sent exactly once, in the transaction that ends the goal; carries GoalEnded.
goal_ended = GoalSignal("goal.ended")
# A funding goal can no longer get a show, so its payments are due back. Sent once, in the transaction that stores the
# lapse; carries GoalLapsed.
goal_lapsed = GoalSignal("goal.lapsed")
# A settlement was decided, or a later payment has changed its sums. Sent in the transaction that stores the settlement;
# carries SettlementDecided.
settlement_decided = GoalSignal("settlement.decided")
# A fold added payments to a funding goal. Sent in the fold's transaction; carries GoalProgressed.
goal_progressed = GoalSignal("goal.progressed")
# A fold listed new payers of a funding goal that already had a show, or had lapsed. Sent in the fold's transaction;
# carries PayersAdded.
payers_added = GoalSignal("payers.added")
# A payer who was excluded from a funding goal and its show is let in again. Sent in the transaction that deletes the
# exclusion; carries PayerIncluded.
payers_included = GoalSignal("payers.included")


class Deed(StrEnum):
    """What a receiver did. Every receiver returns a deed, which the timeline shows."""

    NOT_APPLICABLE = "not_applicable"  # the receiver serves other kinds of goal
    TRACKED = "tracked"
    LINKED = "linked"
    BOUND = "bound"
    SNAPSHOT_TAKEN = "snapshot_taken"
    START_SCHEDULED = "start_scheduled"
    START_KEPT = "start_kept"  # the change does not concern the goal's start
    START_WITHDRAWN = "start_withdrawn"
    END_SCHEDULED = "end_scheduled"
    END_WITHDRAWN = "end_withdrawn"
    NO_END_SCHEDULED = "no_end_scheduled"  # a funding goal without `exp`
    LAPSE_SCHEDULED = "lapse_scheduled"
    NO_LAPSE_SCHEDULED = "no_lapse_scheduled"  # the funding goal has a show, or is settled
    SETTLED = "settled"
    SETTLED_BEFORE = "settled_before"
    FEED_REQUESTED = "feed_requested"
    INVALIDATED = "invalidated"
    NOTIFIED = "notified"
    ACCESS_KEPT = "access_kept"  # the time of access is the same, or another receiver sends the new credentials
    NO_SHOW_YET = "no_show_yet"  # the funding goal has no show, so its payers have not been told anything
    DELIVERIES_CLOSED = "deliveries_closed"
    RECORDING_REQUESTED = "recording_requested"
    RECORDING_STOPPED = "recording_stopped"
    MARKED_ENDED = "marked_ended"
    NOT_LATE = "not_late"  # the show has not begun late
    OVERLAPS_LOOKED_FOR = "overlaps_looked_for"
    EVENT_STORED = "event_stored"  # for `GET /events` and webhooks


P = TypeVar("P", bound=GoalPayload)


def receiver_for(signal: GoalSignal, *kinds: GoalKind) -> Callable[[Callable[[P], Deed]], Callable[[P], Deed]]:
    """Return a decorator that connects a function to the signal.

    The function is called for these kinds of goal. For other kinds, the receiver returns NOT_APPLICABLE. A function may
    be connected to several signals.
    """

    def connect(function: Callable[[P], Deed]) -> Callable[[P], Deed]:
        def answer(payload: P, **_kwargs: object) -> tuple[str, Deed]:
            return function.__name__, function(payload) if payload.kind in kinds else Deed.NOT_APPLICABLE

        signal.connect(answer, weak=False, dispatch_uid=f"{function.__module__}.{function.__name__}")
        return function

    return connect


def announce(signal: GoalSignal, payload: GoalPayload) -> dict[str, Deed]:
    """Send the signal. Log the deeds of the receivers, put them on the timeline, and return them by receiver's name.

    Must run inside `run_in_transaction`. If a receiver raises an exception, the receivers after it are not called, and
    the caller gets the exception.
    """
    announced_seq = next_seq()
    answers = signal.send(sender=payload.kind, payload=payload)
    deeds = dict(cast(tuple[str, Deed], answer) for _receiver, answer in answers)
    record_announcement(payload.goal_id, signal.name, deeds, announced_seq=announced_seq)
    logger.info(
        "announced signal=%s goal=%s receivers=%s",
        signal.name,
        payload.goal_id,
        ",".join(f"{name}:{deed}" for name, deed in deeds.items()),
    )
    return deeds
