"""The batch notifier: sends events in as few calls as the vendor allows, several at a time, a few in memory."""

import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from django.conf import settings
from django_q.conf import Conf

from config.errors import TransportError
from notifications.backends import get_realtime
from notifications.backends.base import ChannelEvent, Realtime
from notifications.planner import Batch, Trigger, plan

# After so many calls in a row that failed in passing, the vendor is down: the rest is left to a retry of the task.
DOWN_AFTER = 3
# So long before the task's time-out no call begins: the longest one must end, and be written down.
RESERVED_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call: no error means that it was acknowledged."""

    channels: tuple[str, ...]
    error: TransportError | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The calls that were made; all of them, unless the vendor is down or slow."""

    outcomes: list[Outcome]
    is_complete: bool


def deliver(events: Iterable[ChannelEvent]) -> Delivery:
    """Send the events, NOTIFY_CONCURRENCY calls at a time."""
    calls = _Calls(plan(events), get_realtime())
    pool = _pool(settings.NOTIFY_CONCURRENCY)
    # Each in a copy of this context, so that what it logs names the request.
    threads = [pool.submit(copy_context().run, calls.make) for _ in range(settings.NOTIFY_CONCURRENCY)]
    wait(threads)  # all of them, also when one has raised
    for thread in threads:
        thread.result()
    return Delivery(calls.outcomes, calls.is_complete)


def send(events: Iterable[ChannelEvent]) -> None:
    """Send the events, or raise the first TransportError."""
    delivery = deliver(events)
    for outcome in delivery.outcomes:
        if outcome.error is not None:
            raise outcome.error
    if not delivery.is_complete:
        raise TransportError("Pusher is slow: not all calls were made.", permanent=False)


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return this process' threads, kept: starting them anew costs a chunk a quarter of its time."""
    return ThreadPoolExecutor(threads, thread_name_prefix="deliver")


# A fork has none of them.
os.register_at_fork(after_in_child=_pool.cache_clear)


class _Calls:
    """Hands the calls out to the threads that make them, one by one: each is built when its turn has come."""

    def __init__(self, calls: Iterator[Trigger | Batch], realtime: Realtime) -> None:
        self.outcomes: list[Outcome] = []
        self.is_complete = False
        self._calls = calls
        self._realtime = realtime  # asked for once: threads that asked at once would each build one
        self._lock = Lock()
        self._failed_in_a_row = 0
        self._ends_at = time.monotonic() + Conf.TIMEOUT - RESERVED_SECONDS

    def make(self) -> None:
        """Make calls until there are no more, or it is no use."""
        while call := self._next():
            self._settle(Outcome(_channels(call), _failure(call, self._realtime)))

    def _next(self) -> Trigger | Batch | None:
        with self._lock:
            if self._failed_in_a_row >= DOWN_AFTER or time.monotonic() >= self._ends_at:
                return None
            call = next(self._calls, None)
            self.is_complete = call is None
            return call

    def _settle(self, outcome: Outcome) -> None:
        with self._lock:
            passing = outcome.error is not None and not outcome.error.permanent
            self._failed_in_a_row = self._failed_in_a_row + 1 if passing else 0
            self.outcomes.append(outcome)


def _channels(call: Trigger | Batch) -> tuple[str, ...]:
    return call.channels if isinstance(call, Trigger) else tuple(event.channel for event in call.events)


def _failure(call: Trigger | Batch, realtime: Realtime) -> TransportError | None:
    try:
        match call:
            case Trigger(channels, name, data):
                realtime.trigger(channels, name, data)
            case Batch(events):
                realtime.trigger_batch(events)
    except TransportError as error:
        return error.with_traceback(None)  # whose frames hold the payload
    return None
