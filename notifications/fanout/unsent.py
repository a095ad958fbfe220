"""Counts how many of a show's present `stream.authorized` events were sent, and how many a person can send again."""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from goals.event_ids import event_id
from goals.models import Goal
from mongodb.collections import collection
from notifications.events import PREVIEW, SD, STREAM_AUTHORIZED
from notifications.fanout.ledger import AGAIN, FAILED, MISSED, PLANNED, SENT, UNKNOWN
from notifications.models import CHUNKS, NotificationChunk, NotificationEvent
from showgoals.exclusions import excluded_from
from showgoals.folds import count_viewers

EVENTS_OF_A_PAYER = 2


@dataclass(frozen=True, slots=True)
class Unsent:
    """The number of payers of a show, and the numbers of their events by state.

    `planned` also counts the events that are due to payers but are not planned yet. `unknown` includes events that were
    sent before their viewers had subscribed.
    """

    payers: int
    sent: int
    planned: int
    unknown: int
    failed: int

    @property
    def events(self) -> int:
        """How many events `redeliver_unsent` would send."""
        return self.planned + self.unknown + self.failed

    @property
    def left_out(self) -> int:
        """How many events were not sent because the payer was excluded or the payer's account was not active."""
        return max(0, EVENTS_OF_A_PAYER * self.payers - self.sent - self.events)


def count_unsent(show: Goal) -> Unsent:
    """Count the events without changing them. Payments that are not folded yet do not count.

    Missing events are counted first, so an event that is planned meanwhile is never left out. The number of missing
    events is then limited, so that there are at most two events for each payer.
    """
    events, payers = event_ids_of(show), count_viewers(show.context.funding_goal_id)
    missing = count_missing(show, payers=payers)
    planned = {"goal_id": str(show.pk), "event_id": {"$in": events}}
    letters = Counter[str]()
    for chunk in collection(CHUNKS).find(planned, {"states": True}):
        letters.update(chunk["states"])
    missing = min(missing, max(0, EVENTS_OF_A_PAYER * payers - letters.total()))
    return Unsent(
        payers=payers,
        sent=letters[SENT],
        planned=letters[PLANNED] + letters[AGAIN] + missing,
        unknown=letters[UNKNOWN] + letters[MISSED],
        failed=letters[FAILED],
    )


def count_missing(show: Goal, *, payers: int) -> int:
    """Return how many events are not planned yet for viewers who have paid and are not excluded."""
    events, excluded = event_ids_of(show), excluded_from(show.context.funding_goal_id)
    planned = sum(event.viewers for event in NotificationEvent.objects.filter(pk__in=events))
    if excluded:
        planned -= _count_planned(events, excluded, goal_id=str(show.pk))
    return max(0, len(events) * (payers - len(excluded)) - planned)


def event_ids_of(show: Goal) -> list[str]:
    """Return the ids of both events of the show's present access."""
    return [event_id(str(show.pk), STREAM_AUTHORIZED, show.version, preset=preset) for preset in (PREVIEW, SD)]


def _count_planned(events: Sequence[str], viewers: AbstractSet[str], *, goal_id: str) -> int:
    """Return how many events were planned for these viewers."""
    chunks = NotificationChunk.objects.filter(goal_id=goal_id, event_id__in=events)
    return sum(len(viewers & set(chunk.ledger.each_viewer())) for chunk in chunks)
