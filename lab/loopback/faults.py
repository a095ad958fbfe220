"""The ways in which a loopback server fails on demand."""

import random
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from threading import Lock


class Failure(Enum):
    """What the client gets instead of the response."""

    STATUS = "status"  # another status and body
    HANG = "hang"  # nothing, for some seconds; then the connection is closed
    RESET = "reset"  # a TCP reset
    TRUNCATED = "truncated"  # a body that ends in the middle


@dataclass(frozen=True)
class Fault:
    """One failure. If it is `applied`, the server processes the request, and only its response fails."""

    failure: Failure
    status: int = 500
    body: bytes = b""
    seconds: float = 0.0
    applied: bool = False


@dataclass(frozen=True)
class Outage:
    """A time in which the server resets every connection. It begins after a number of requests."""

    after_requests: int
    seconds: float


class Faults:
    """The pending failures. A request takes the first one. If there is none, an outage or a random failure applies.

    During an outage, every request fails in the same way.
    """

    def __init__(self) -> None:
        self._pending: deque[Fault] = deque()
        self._shares: Mapping[Fault, float] = {}
        self._dice = random.Random()  # noqa: S311 - failures, not a secret
        self._outage: Outage | None = None
        self._down_until = 0.0
        self._failure_while_down = Failure.RESET
        self._taken = 0
        self._lock = Lock()

    def add(self, fault: Fault, times: int) -> None:
        """Let the next `times` requests fail in this way."""
        with self._lock:
            self._pending.extend([fault] * times)

    def add_at_random(self, shares: Mapping[Fault, float], *, seed: int) -> None:
        """Let each request fail with these probabilities."""
        with self._lock:
            self._shares = shares
            self._dice.seed(seed)

    def add_outage(self, outage: Outage) -> None:
        """Let the server be down once. The requests count from the start of the server, not from this call."""
        with self._lock:
            self._outage = outage

    def hang(self, seconds: float) -> None:
        """Let no request get a response for some seconds from now."""
        with self._lock:
            self._begin_outage(Failure.HANG, seconds)

    def take(self) -> Fault | None:
        """Return the failure for this request, if one is due."""
        with self._lock:
            self._taken += 1
            if self._pending:
                return self._pending.popleft()
            if self._outage and self._taken > self._outage.after_requests:
                self._begin_outage(Failure.RESET, self._outage.seconds)
                self._outage = None
            seconds_left = self._down_until - time.monotonic()
            return Fault(self._failure_while_down, seconds=seconds_left) if seconds_left > 0 else self._by_chance()

    def _begin_outage(self, failure: Failure, seconds: float) -> None:
        self._down_until = time.monotonic() + seconds
        self._failure_while_down = failure

    def _by_chance(self) -> Fault | None:
        roll = self._dice.random()
        for fault, share in self._shares.items():
            roll -= share
            if roll < 0:
                return fault
        return None
