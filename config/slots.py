"""The time slots in which one thread may call a vendor that limits calls per second."""

import time
from collections import deque

from config.vendor_calls import Reserve

# A slot is lost if this process misses it by more than this many seconds, because the late call might come too close to
# a call of another process.
SLOT_SECONDS = 0.03


class Slots:
    """Slots that are reserved when they are needed. If `reserve` is None, each call may begin immediately."""

    def __init__(self, reserve: Reserve | None) -> None:
        self._reserve = reserve
        self._reserved: deque[float] = deque()

    @property
    def next_at(self) -> float:
        """The monotonic time of the next slot, or 0 if none is reserved."""
        return self._reserved[0] if self._reserved else 0.0

    def take(self, *, wanted: int) -> bool:
        """Take a slot if its time has come, and tell whether the call may begin.

        If no slot is reserved, first reserve up to `wanted`.
        """
        if self._reserve is None:
            return True
        while self._reserved and self.next_at < time.monotonic() - SLOT_SECONDS:
            self._reserved.popleft()
        if not self._reserved:
            self._reserved.extend(self._reserve(wanted))
        if self.next_at > time.monotonic():
            return False
        self._reserved.popleft()
        return True

    def forget(self) -> None:
        """Give up the remaining slots."""
        self._reserved.clear()
