"""Deadlines of MongoDB commands. When the deadline of a command has passed, its caller has no use for the result.

| What | Its deadline |
|---|---|
| a request | REQUEST_SECONDS after its arrival (`api/middleware.py`) |
| what a worker or a cluster does between tasks: settle, release, heartbeat | QUEUE_SECONDS each |
| a worker's claim | the time for which it may wait for a message, plus QUEUE_SECONDS |
| a task, a management command | none, because tasks and commands may take long |

Each command gets the time that is left before the deadline, as the time-out of its socket and as `maxTimeMS` for the
server. If there is no deadline, and the server hangs, pymongo's monitor notices within four seconds and ends all
commands that wait for the server (see the time-outs in `config/settings.py`).
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import TypeVar

import pymongo

REQUEST_SECONDS = 5.0
QUEUE_SECONDS = 5.0
# pymongo takes 0 for "no deadline".
LEAST_SECONDS = 1e-6

T = TypeVar("T")

# The current deadline, as a monotonic time. pymongo also stores it, but has no public name for it.
_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def finish_within(seconds: float) -> Iterator[None]:
    """Make the commands of the block fail when the time is over, with an error that counts as `failures.is_away`.

    If the block is inside another deadline, the earlier one applies.
    """
    seconds = max(seconds, LEAST_SECONDS)
    token = _deadline.set(min(_deadline.get(), time.monotonic() + seconds))
    try:
        with pymongo.timeout(seconds):
            yield
    finally:
        _deadline.reset(token)


def end_of(seconds: float) -> float:
    """Return the monotonic time at which these seconds are over, or the deadline if that is sooner."""
    return min(_deadline.get(), time.monotonic() + seconds)


def seconds_left() -> float:
    """Return the seconds until the deadline; infinity if there is none."""
    return _deadline.get() - time.monotonic()


def apart_from_deadline(function: Callable[[], T]) -> T:
    """Call the function in an empty context, where no deadline applies."""
    return Context().run(function)
