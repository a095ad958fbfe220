"""Seats: of all clusters on one host as many workers of the lane `start` are at work as one of them has.

The others stand by until one dies or stops: more of them would only take the processors from each other. All other
workers give way while many of these are busy.
"""

import time
from collections.abc import Callable

from django.conf import settings

from taskqueue.turns import Lock, take_one

STAND_BY_SECONDS = 0.05
GLANCE_EVERY_SECONDS = 0.005
# So long others give way; then they work for as long, whatever starts: what has started has viewers who wait.
PATIENCE_SECONDS = 1.0


class Seat:
    """A seat, kept until the process ends, and the sign on it that says whether its holder is busy."""

    def __init__(self) -> None:
        self._seats = _locks("seat")
        self._signs = _locks("busy")
        self._number: int | None = None

    def take(self, *, unless: Callable[[], bool]) -> None:
        """Wait for a free seat, if there is none yet; return without one if `unless` says so."""
        while self._number is None and not unless():
            self._number = take_one(self._seats)
            if self._number is None:
                time.sleep(STAND_BY_SECONDS)

    def work(self) -> None:
        """Show that a task begins."""
        if self._number is not None:
            self._signs[self._number].take()

    def rest(self) -> None:
        """Show that it has ended."""
        if self._number is not None:
            self._signs[self._number].give_back()


class Courtesy:
    """How a worker without a seat gives way to those who have one."""

    def __init__(self) -> None:
        self._signs = _locks("busy")
        self._working_until = 0.0

    def give_way(self) -> None:
        """Wait while half of the seats or more are busy, but not for ever: many shows start, or are told of."""
        began = time.monotonic()
        if began < self._working_until:
            return
        while 2 * sum(not sign.is_free() for sign in self._signs) >= len(self._signs):
            time.sleep(GLANCE_EVERY_SECONDS)
            if time.monotonic() >= began + PATIENCE_SECONDS:
                self._working_until = time.monotonic() + PATIENCE_SECONDS
                return


def _locks(name: str) -> list[Lock]:
    return [Lock(f"{name}-{number}") for number in range(settings.Q_START_WORKERS)]
