"""Limits concurrent password checks, because each one occupies a CPU core while it lasts.

If there were no limit, sign-ins could take all cores, and payers would wait for them.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from rest_framework.exceptions import Throttled

# Each process checks one password at a time. A server has one process for each core, but at least two.
AT_ONCE = 1
# Each waiting sign-in holds a thread. ops/asgi.py has enough threads for all of them.
MOST_WAITING = 8
MOST_SECONDS_WAITING = 2.0
# A refused client is told to wait for one of these times, so that refused clients do not all come back together.
RETRY_AFTER_SECONDS = (1, 2, 3)


class PasswordGate:
    """Lets `at_once` threads through at a time. `waiting` more threads may wait. All others are refused immediately."""

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = MOST_WAITING) -> None:
        self._places = BoundedSemaphore(at_once + waiting)
        self._turns = BoundedSemaphore(at_once)

    @contextmanager
    def turn(self, *, patience: float = MOST_SECONDS_WAITING) -> Iterator[None]:
        """Run the block when it is this thread's turn.

        Raises Throttled if too many threads are waiting, or if the wait exceeds `patience` (seconds).
        """
        if not self._places.acquire(blocking=False):
            raise _busy()
        with _released(self._places):
            if not self._turns.acquire(timeout=patience):
                raise _busy()
            with _released(self._turns):
                yield


@contextmanager
def _released(semaphore: BoundedSemaphore) -> Iterator[None]:
    try:
        yield
    finally:
        semaphore.release()


def _busy() -> Throttled:
    return Throttled(wait=random.choice(RETRY_AFTER_SECONDS))  # noqa: S311 - jitter, not a secret


gate = PasswordGate()
