"""Slots for the workers that start shows: all clusters of a host together use as many as one cluster has.

The other workers of the queue `start` stand by until a slot becomes free because its worker died, stopped or lost
MongoDB. More workers at once would only compete for the processors. The workers of all other queues give way while at
least half of the slots are busy.
"""

import logging
import time
from collections.abc import Callable

from django.conf import settings

from taskqueue.host_locks import FileLock, take_one

logger = logging.getLogger(__name__)

STAND_BY_SECONDS = 0.05
GLANCE_EVERY_SECONDS = 0.005
# Other workers give way for at most this time and then work for the same time, because the viewers of shows that
# have already started wait for their events.
PATIENCE_SECONDS = 1.0


class StartSlot:
    """The slot of a worker, once it has one, and the lock by which other workers see that it is busy."""

    def __init__(self) -> None:
        self._slots = _locks("start-slot")
        self._busy = _locks("start-busy")
        self._number: int | None = None

    def take(self, *, unless: Callable[[], bool]) -> None:
        """Wait for a free slot unless this worker has one. Returns without a slot as soon as `unless` is true."""
        if self._number is None:
            self._number = take_one(self._slots)
        if self._number is None:
            logger.info("stands by: all start slots of this host are taken")
        while self._number is None and not unless():
            time.sleep(STAND_BY_SECONDS)
            self._number = take_one(self._slots)

    def leave(self) -> None:
        """Leave the slot to another worker, because this one can't work."""
        if self._number is not None:
            self._slots[self._number].give_back()
            self._number = None

    def begin(self) -> None:
        """Mark the slot as busy, unless another worker is just reading the mark: a start does not wait for it."""
        if self._number is not None:
            self._busy[self._number].take_if_free()

    def end(self) -> None:
        """Mark the slot as idle."""
        if self._number is not None:
            self._busy[self._number].give_back()


class YieldToStarts:
    """How a worker of another queue gives way to the workers that start shows."""

    def __init__(self) -> None:
        self._busy = _locks("start-busy")
        self._working_until = 0.0

    def is_due(self) -> bool:
        """Tell whether to give way: at least half of the slots are busy, so many shows are starting."""
        if time.monotonic() < self._working_until:
            return False
        busy = sum(not lock.is_free() for lock in self._busy)
        return busy > 0 and 2 * busy >= len(self._busy)

    def give_way(self, *, unless: Callable[[], bool]) -> None:
        """Wait while `is_due`, for PATIENCE_SECONDS at most. Returns as soon as `unless` is true."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.is_due() and not unless():
            time.sleep(GLANCE_EVERY_SECONDS)
            if time.monotonic() >= until:
                self._working_until = time.monotonic() + PATIENCE_SECONDS


def _locks(name: str) -> list[FileLock]:
    return [FileLock(f"{name}-{number}") for number in range(max(1, settings.Q_START_WORKERS))]
