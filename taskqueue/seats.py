"""Seats: of all clusters on one host as many workers of the lane `start` are at work as one of them has.

The others stand by until one dies, stops or loses MongoDB: more of them would only take the processors from each
other. All other workers give way while many of these are busy.
"""

import logging
import time
from collections.abc import Callable

from django.conf import settings

from taskqueue.turns import FileLock, take_one

logger = logging.getLogger(__name__)

STAND_BY_SECONDS = 0.05
GLANCE_EVERY_SECONDS = 0.005
# So long others give way; then they work for as long, whatever starts: what has started has viewers who wait.
PATIENCE_SECONDS = 1.0


class Seat:
    """A worker's seat, once it has one, and the lock by which others see that it is busy."""

    def __init__(self) -> None:
        self._seats = _locks("seat")
        self._busy = _locks("busy")
        self._number: int | None = None

    def take(self, *, unless: Callable[[], bool]) -> None:
        """Wait for a free seat, if there is none yet; return without one if `unless` says so."""
        if self._number is None:
            self._number = take_one(self._seats)
        if self._number is None:
            logger.info("stands by: the seats of this host are taken")
        while self._number is None and not unless():
            time.sleep(STAND_BY_SECONDS)
            self._number = take_one(self._seats)

    def leave(self) -> None:
        """Let another have it: this worker can't work."""
        if self._number is not None:
            self._seats[self._number].give_back()
            self._number = None

    def begin(self) -> None:
        """Show that a task begins; not if somebody looks at this very moment, for a start doesn't wait for that."""
        if self._number is not None:
            self._busy[self._number].take_if_free()

    def end(self) -> None:
        """Show that it has ended."""
        if self._number is not None:
            self._busy[self._number].give_back()


class Courtesy:
    """How a worker without a seat gives way to those who have one."""

    def __init__(self) -> None:
        self._busy = _locks("busy")
        self._working_until = 0.0

    def is_due(self) -> bool:
        """Tell whether to give way: half of the seats or more are busy, so many shows start or are told of."""
        if time.monotonic() < self._working_until:
            return False
        busy = sum(not lock.is_free() for lock in self._busy)
        return busy > 0 and 2 * busy >= len(self._busy)

    def give_way(self, *, unless: Callable[[], bool]) -> None:
        """Wait while it is due, but not for ever, and not if `unless` says so."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.is_due() and not unless():
            time.sleep(GLANCE_EVERY_SECONDS)
            if time.monotonic() >= until:
                self._working_until = time.monotonic() + PATIENCE_SECONDS


def _locks(name: str) -> list[FileLock]:
    return [FileLock(f"{name}-{number}") for number in range(max(1, settings.Q_START_WORKERS))]
