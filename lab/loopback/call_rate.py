"""A limit on the calls of one account per second."""

from collections import deque
from threading import Lock

SECOND = 1.0


class CallRate:
    """Admits at most `most_per_second` calls in any second; 0 means no limit. Calls over the limit do not count."""

    def __init__(self, most_per_second: int = 0) -> None:
        self.most_per_second = most_per_second
        self._admitted: deque[float] = deque()
        self._lock = Lock()

    def admits(self, at: float) -> bool:
        """Tell whether a call that arrives at this moment, in seconds, is within the limit. If so, count it."""
        if not self.most_per_second:
            return True
        with self._lock:
            while self._admitted and self._admitted[0] <= at - SECOND:
                self._admitted.popleft()
            if len(self._admitted) >= self.most_per_second:
                return False
            self._admitted.append(at)
            return True
