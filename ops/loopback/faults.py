"""How a loopback server can be told to fail."""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from threading import Lock


class Failure(Enum):
    """What the client gets instead of the answer."""

    STATUS = "status"  # another status and body
    HANG = "hang"  # nothing, for some seconds; then the connection is closed
    RESET = "reset"  # a TCP reset
    TRUNCATED = "truncated"  # a body that ends in the middle


@dataclass(frozen=True)
class Fault:
    """One failure to come. `applied`: the server does what it was asked, and only then fails to say so."""

    failure: Failure
    status: int = 500
    body: bytes = b""
    seconds: float = 0.0
    applied: bool = False


class Faults:
    """The failures to come, first in, first out; each request takes one."""

    def __init__(self) -> None:
        self._pending: deque[Fault] = deque()
        self._lock = Lock()

    def add(self, fault: Fault, times: int) -> None:
        """Let the next `times` requests fail this way."""
        with self._lock:
            self._pending.extend([fault] * times)

    def take(self) -> Fault | None:
        """Return the failure for this request, if one is due."""
        with self._lock:
            return self._pending.popleft() if self._pending else None
