"""The precedence of starts: while many shows start, the other workers of the cluster wait for a moment.

A lower priority of their processes is not enough, because MongoDB's work for them keeps its own priority. A cluster and
the workers that it forks share the variable `_many_start_until`.
"""

import time
from collections.abc import Callable
from multiprocessing.sharedctypes import RawValue

from taskqueue.queues import Queue

# A full batch of starts takes less than this.
BATCH_SECONDS = 0.15
GLANCE_EVERY_SECONDS = 0.005
# Other workers give way for at most this time and then work for the same time, because the viewers of shows that
# have already started wait for their events.
PATIENCE_SECONDS = 1.0

# The monotonic time until which there are probably more due starts than the workers can take at once.
_many_start_until = RawValue("d", 0.0)


def note_full_batch(key: str) -> None:
    """Note that a worker of the lane has claimed as many messages as it can take, so that there may be more."""
    if key == Queue.START.value:
        _many_start_until.value = time.monotonic() + BATCH_SECONDS


class GivingWay:
    """How one worker gives way to the workers that start shows."""

    def __init__(self, key: str) -> None:
        self._starts_shows = key == Queue.START.value
        self._working_until = 0.0

    def is_due(self) -> bool:
        """Tell whether to give way: many shows start, and this worker has not just waited for PATIENCE_SECONDS."""
        return not self._starts_shows and self._working_until <= time.monotonic() < _many_start_until.value

    def wait(self, *, unless: Callable[[], bool]) -> None:
        """Wait while `is_due`, for PATIENCE_SECONDS at most. Return as soon as `unless` returns true."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.is_due() and not unless():
            time.sleep(GLANCE_EVERY_SECONDS)
            if time.monotonic() >= until:
                self._working_until = time.monotonic() + PATIENCE_SECONDS
