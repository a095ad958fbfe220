"""The precedence of starts, and then of events for streamers: in a burst, the workers of other lanes wait for a moment.

A lower priority of their processes is not enough, because MongoDB's share of their work does not belong to them. The
workers share this memory with the cluster that forks them.
"""

import time
from collections.abc import Callable
from multiprocessing.sharedctypes import RawValue

from taskqueue.queues import Queue

# A full batch takes less than this.
BATCH_SECONDS = 0.15
GLANCE_EVERY_SECONDS = 0.005
# Other workers give way for at most this time and then work for the same time, because the viewers of shows that
# have already started wait for their events.
PATIENCE_SECONDS = 1.0

# The monotonic time until which each lane probably has more due messages than its workers can take at once.
_many_due_until = {lane.value: RawValue("d", 0.0) for lane in (Queue.START, Queue.TELL)}


def note_full_batch(key: str) -> None:
    """Note that a worker of the lane has claimed as many messages as it can take, so that there may be more."""
    if key in _many_due_until:
        _many_due_until[key].value = time.monotonic() + BATCH_SECONDS


class GivingWay:
    """How one worker gives way to the lanes that come before its own."""

    def __init__(self, key: str) -> None:
        first = list(_many_due_until)
        self._before = [_many_due_until[lane] for lane in (first[: first.index(key)] if key in first else first)]
        self._working_until = 0.0

    def is_due(self) -> bool:
        """Tell whether to give way: such a lane has many due messages, and this worker has not waited for long."""
        now = time.monotonic()
        return now >= self._working_until and any(until.value > now for until in self._before)

    def wait(self, *, unless: Callable[[], bool]) -> None:
        """Wait while `is_due`, for PATIENCE_SECONDS at most. Returns as soon as `unless` is true."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.is_due() and not unless():
            time.sleep(GLANCE_EVERY_SECONDS)
            if time.monotonic() >= until:
                self._working_until = time.monotonic() + PATIENCE_SECONDS
