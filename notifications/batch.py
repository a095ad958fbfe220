"""The batch notifier: sends events in as few calls as the vendor allows, several at a time, a few in memory."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django_q.conf import Conf

from config.errors import TransportError
from notifications.backends import get_realtime
from notifications.backends.base import Batch, ChannelEvent, Outcome, Trigger
from notifications.planner import plan

# After so many calls in a row that failed in passing, the vendor is down: the rest is left to a retry of the task.
DOWN_AFTER = 3
# So long before the task's time-out no call begins: the longest one must end, and be written down.
RESERVED_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """The calls that were made; all of them, unless the vendor is down or slow."""

    outcomes: list[Outcome]
    is_complete: bool


def deliver(events: Iterable[ChannelEvent]) -> Delivery:
    """Send the events, NOTIFY_CONCURRENCY calls at a time."""
    calls = _WhileUseful(plan(events))
    outcomes = []
    for outcome in get_realtime().send(calls):
        calls.note(outcome)
        outcomes.append(outcome)
    return Delivery(outcomes, calls.is_complete)


def send(events: Iterable[ChannelEvent]) -> None:
    """Send the events, or raise the first TransportError."""
    delivery = deliver(events)
    for outcome in delivery.outcomes:
        if outcome.error is not None:
            raise outcome.error
    if not delivery.is_complete:
        raise TransportError("Pusher is slow: not all calls were made.", permanent=False)


class _WhileUseful:
    """Hands the calls out, each built when its turn has come, until there are no more or it is no use."""

    def __init__(self, calls: Iterator[Trigger | Batch]) -> None:
        self.is_complete = False
        self._calls = calls
        self._failed_in_a_row = 0
        self._ends_at = time.monotonic() + Conf.TIMEOUT - RESERVED_SECONDS

    def __iter__(self) -> Iterator[Trigger | Batch]:
        while self._failed_in_a_row < DOWN_AFTER and time.monotonic() < self._ends_at:
            call = next(self._calls, None)
            if call is None:
                self.is_complete = True
                return
            yield call

    def note(self, outcome: Outcome) -> None:
        """Learn from what became of a call."""
        passing = outcome.error is not None and not outcome.error.permanent
        self._failed_in_a_row = self._failed_in_a_row + 1 if passing else 0
