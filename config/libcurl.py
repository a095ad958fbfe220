"""Calls vendors with libcurl. One thread makes several calls at a time, and retries them after temporary failures.

A call takes a third of the CPU time that it takes with urllib3. The calls are not spread over several threads, because
these would spend their time handing the interpreter lock to each other (docs/adr/0029-libcurl.md).
"""

import time
from collections.abc import Iterable, Iterator
from functools import partial
from operator import length_hint
from typing import Generic

import pycurl

from config.curl import ended_handles, new_handle, prepare
from config.errors import TransportError
from config.slots import Slots
from config.vendor_calls import (
    PROBE_SECONDS,
    Answer,
    Call,
    Failure,
    Judge,
    PendingCall,
    Reserve,
    Sign,
    VendorRequest,
    note_answer,
    pause_seconds,
    probing,
)

TRIES = 3
# Later retries are left to the task queue, because a task first checks whether the event still applies.
TRIED_AGAIN_WITHIN_SECONDS = 3.0
LONGEST_WAIT_SECONDS = 0.05  # the longest wait for a socket, because other calls may become ready meanwhile
SHORT_WAIT_SECONDS = 0.01  # the wait while libcurl looks up a name and has no socket yet


class Connections(Generic[Call]):
    """Persistent connections to one vendor, at most `concurrency` for each thread that sends."""

    def __init__(
        self,
        vendor: str,
        *,
        concurrency: int,
        timeout_seconds: tuple[float, float],
        tries: int = TRIES,
        reserve: Reserve | None = None,
    ) -> None:
        """`timeout_seconds` are the time-outs for connecting and for the rest of a try. `reserve` limits the rate.

        A probe (`vendor_calls.probing`) is tried once, for PROBE_SECONDS at most.
        """
        self._new_exchange = partial(Exchange[Call], vendor, concurrency, timeout_seconds, tries, reserve)
        self._spare: list[Exchange[Call]] = []

    def send(self, calls: Iterable[Call | None], sign: Sign[Call], judge: Judge) -> Iterator[PendingCall[Call]]:
        """Make the calls and yield each when it is over.

        If `calls` yields None, no call is ready yet, and `send` asks again while other calls are under way. Each try is
        signed anew. If `sign` raises a TransportError, the call is over.
        """
        try:
            exchange = self._spare.pop()  # the last one used, because its connections are likely to be open
        except IndexError:
            exchange = self._new_exchange()
        yield from exchange.run(calls, sign, judge)
        self._spare.append(exchange)  # not after an exception, so that broken connections are closed


class Exchange(Generic[Call]):
    """The connections of one thread. Only one `run` may be active at a time."""

    def __init__(
        self, vendor: str, concurrency: int, timeout_seconds: tuple[float, float], tries: int, reserve: Reserve | None
    ) -> None:
        self._vendor = vendor
        self._concurrency = concurrency
        self._timeout_seconds = timeout_seconds
        self._tries = tries
        self._slots = Slots(reserve)
        self._begun = 0  # the number of calls that this run has begun
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, concurrency)
        self._idle: list[pycurl.Curl] = []
        self._under_way: dict[pycurl.Curl, PendingCall[Call]] = {}
        self._paused: list[PendingCall[Call]] = []

    def run(self, calls: Iterable[Call | None], sign: Sign[Call], judge: Judge) -> Iterator[PendingCall[Call]]:
        """Make the calls, and yield each when it is over."""
        rest = iter(calls)
        self._begun = 0
        try:
            while True:
                yield from self._start_due(rest, sign)
                if not self._under_way and not self._paused:
                    return
                yield from self._collect(judge)
        finally:
            for curl in self._under_way:
                self._multi.remove_handle(curl)
            self._idle += self._under_way
            self._under_way.clear()
            self._paused.clear()
            self._slots.forget()

    def _start_due(self, rest: Iterator[Call | None], sign: Sign[Call]) -> Iterator[PendingCall[Call]]:
        """Begin as many calls as there are free connections. Yield those that can't be signed."""
        for pending in self._due(rest):
            try:
                request = sign(pending.call)
            except TransportError as error:
                pending.error = error.with_traceback(None)  # the frames of the traceback hold the payload
                yield pending
            else:
                self._start(pending, request)

    def _due(self, rest: Iterator[Call | None]) -> Iterator[PendingCall[Call]]:
        """Yield the calls that may begin now. Pause the first call that has to wait for its slot."""
        if self._slots.next_at > time.monotonic():
            return
        for pending in self._ready(rest):
            # A generator has no length, so the number of slots is estimated from the calls begun so far.
            if not self._slots.take(wanted=1 + length_hint(rest, self._begun)):
                self._paused.insert(0, pending)
                return
            self._begun += 1
            yield pending

    def _ready(self, rest: Iterator[Call | None]) -> Iterator[PendingCall[Call]]:
        """Yield the calls whose pause is over, and then new ones while connections are free."""
        for pending in [pending for pending in self._paused if pending.resume_at <= time.monotonic()]:
            self._paused.remove(pending)
            yield pending
        while len(self._under_way) + len(self._paused) < self._concurrency:
            call = next(rest, None)
            if call is None:
                return
            yield PendingCall(call)

    def _start(self, pending: PendingCall[Call], request: VendorRequest) -> None:
        curl = self._idle.pop() if self._idle else new_handle(connect_seconds=self._timeout_seconds[0])
        if not pending.failures:
            pending.last_try_at = time.monotonic() + TRIED_AGAIN_WITHIN_SECONDS
        seconds = PROBE_SECONDS if probing.get() else sum(self._timeout_seconds)
        prepare(curl, request, pending, seconds=seconds)
        self._under_way[curl] = pending
        self._multi.add_handle(curl)
        self._multi.perform()  # start the transfer before the next call is signed

    def _wait(self) -> None:
        """Wait until a socket is ready, or until a pause is over and the next slot has come, but only a short time."""
        pauses = [max(pending.resume_at, self._slots.next_at) - time.monotonic() for pending in self._paused]
        timers = [self._multi.timeout() / 1000] if self._multi.timeout() >= 0 else []
        seconds = max(0.0, min(LONGEST_WAIT_SECONDS, *pauses, *timers))
        if any(self._multi.fdset()):
            self._multi.select(seconds)
        else:
            time.sleep(min(seconds, SHORT_WAIT_SECONDS) if self._under_way else seconds)

    def _collect(self, judge: Judge) -> Iterator[PendingCall[Call]]:
        """Yield the calls that are over. If there are none, wait first."""
        ended = ended_handles(self._multi)
        if not ended:
            self._wait()
            self._multi.perform()
            ended = ended_handles(self._multi)
        for curl, reason in ended:
            pending = self._under_way.pop(curl)
            self._multi.remove_handle(curl)
            self._idle.append(curl)
            failure = self._failure(curl, reason, pending, judge)
            if failure is None:
                pending.failures.clear()
            elif self._retry_later(pending, failure):
                continue
            yield pending

    def _failure(self, curl: pycurl.Curl, reason: str, pending: PendingCall[Call], judge: Judge) -> Failure | None:
        if reason:
            return Failure(reason, ambiguous=curl.getinfo(pycurl.REQUEST_SIZE) > 0)
        pending.answer = Answer(curl.getinfo(pycurl.RESPONSE_CODE), pending.head, bytes(pending.body))
        note_answer(self._vendor, pending.answer.status)
        return judge(pending.answer)

    def _retry_later(self, pending: PendingCall[Call], failure: Failure) -> bool:
        pending.failures.append(failure)
        pause = pause_seconds(failure, tries=len(pending.failures))
        pending.resume_at = time.monotonic() + pause
        tries = 1 if probing.get() else self._tries
        if failure.permanent or len(pending.failures) >= tries or pending.resume_at > pending.last_try_at:
            return False
        self._paused.append(pending)
        return True
