"""Makes calls to the vendor while it is up and there is time. Packs events into as few calls as the vendor allows."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django_q.conf import Conf

from notifications.backends import get_realtime
from notifications.backends.base import CallResult, ChannelEvent, RealtimeCall
from notifications.fanout.packing import pack

# After this many temporary failures in a row, the vendor counts as down. A retry of the task then sends the rest.
DOWN_AFTER = 3
# No call begins if fewer than this many seconds are left until the task's time-out. This is enough time for the longest
# call and for storing the results.
RESERVED_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """The results of the calls that were made. A delivery is incomplete if the vendor was down or slow."""

    results: list[CallResult]
    is_complete: bool


def deliver(events: Iterable[ChannelEvent]) -> Delivery:
    """Send the events, and return the delivery. Each call is built when it is made."""
    calls = UsefulCalls(pack(events, get_realtime().limits))
    return Delivery(list(calls.results()), calls.is_complete)


class UsefulCalls:
    """Makes the calls until there are no more, the vendor is down, or the time is up.

    A None among the calls means that there is no call to make just now (see `Realtime.send`).
    """

    def __init__(self, calls: Iterable[RealtimeCall | None]) -> None:
        self.is_complete = False
        self._calls = calls
        self._failed_in_a_row = 0
        self._ends_at = time.monotonic() + Conf.TIMEOUT - RESERVED_SECONDS

    def results(self) -> Iterator[CallResult]:
        """Make the calls, and yield the result of each.

        No further call is taken until the caller has processed the result.
        """
        for result in get_realtime().send(self._while_useful()):
            is_passing = result.error is not None and not result.error.permanent
            self._failed_in_a_row = self._failed_in_a_row + 1 if is_passing else 0
            yield result

    def _while_useful(self) -> Iterator[RealtimeCall | None]:
        for call in self._calls:
            yield call
            if self._failed_in_a_row >= DOWN_AFTER or time.monotonic() >= self._ends_at:
                return
        self.is_complete = True
