"""Requests over libcurl: several at a time in one thread, each tried again after a failure that may pass.

libcurl, for a call then takes a third of the CPU that it takes with urllib3; one thread, for sixteen would hand the
interpreter to each other (docs/adr/0029-libcurl.md).
"""

import random
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Generic, Protocol, TypeVar

import pycurl

from config.errors import TransportError

TRIES = 3
CALL_SECONDS = 12.0  # all tries of a call, and the pauses between them
BACKOFF_SECONDS = 0.2  # before the second try; doubles
LONGEST_PAUSE_SECONDS = 5.0  # who is told to wait for longer leaves it to the queue
LOOK_SECONDS = 1.0  # at least so often
LOOK_UP_SECONDS = 0.01  # the same while libcurl has no socket, as when it looks up a name

_TAKEN = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
# A code may have several names, old ones among them: the shortest is libcurl's own.
_NAMES = sorted((name for name in dir(pycurl) if name.startswith("E_")), key=len, reverse=True)
_ERRORS = {getattr(pycurl, name): name.removeprefix("E_") for name in _NAMES}

Call = TypeVar("Call")


class Post(Protocol):
    """A request as `pusher` makes it: the body is JSON."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try failed: a status, or libcurl's name of an error. `ambiguous`: what was sent may have been taken."""

    reason: str
    permanent: bool = False
    ambiguous: bool = True
    wait_seconds: float = 0.0


@dataclass(slots=True)
class Flight(Generic[Call]):
    """A call on its way. Once it is over `error` or `failures` say why it wasn't taken; both are empty if it was."""

    call: Call
    ends_at: float
    resume_at: float = 0.0
    head: list[bytes] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    error: TransportError | None = None


class Exchange(Generic[Call]):
    """Connections that are kept, `concurrency` of them. Of one thread; one `fly` at a time."""

    def __init__(self, concurrency: int, timeout_seconds: tuple[float, float]) -> None:
        self._concurrency = concurrency
        self._timeout_seconds = timeout_seconds
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, concurrency)
        self._idle: list[pycurl.Curl] = []
        self._flying: dict[pycurl.Curl, Flight[Call]] = {}
        self._paused: list[Flight[Call]] = []

    def fly(self, calls: Iterable[Call], sign: Callable[[Call], Post]) -> Iterator[Flight[Call]]:
        """Make the calls, and yield each when it is over. A call is taken when its turn has come.

        It is signed anew for each try. What `sign` raises (TransportError) ends the call.
        """
        rest = iter(calls)
        try:
            while True:
                yield from self._take_off(rest, sign)
                if not self._flying and not self._paused:
                    return
                yield from self._land()
        finally:
            for curl in self._flying:
                self._multi.remove_handle(curl)
            self._idle += self._flying
            self._flying.clear()
            self._paused.clear()

    def _take_off(self, rest: Iterator[Call], sign: Callable[[Call], Post]) -> Iterator[Flight[Call]]:
        """Begin what can begin. Yields what can't be sent at all."""
        for flight in self._ready(rest):
            try:
                request = sign(flight.call)
            except TransportError as error:
                flight.error = error.with_traceback(None)  # whose frames hold the payload
                yield flight
            else:
                self._launch(flight, request)

    def _ready(self, rest: Iterator[Call]) -> Iterator[Flight[Call]]:
        for flight in [flight for flight in self._paused if flight.resume_at <= time.monotonic()]:
            self._paused.remove(flight)
            yield flight
        while len(self._flying) + len(self._paused) < self._concurrency:
            call = next(rest, None)
            if call is None:
                return
            yield Flight(call, ends_at=time.monotonic() + CALL_SECONDS)

    def _launch(self, flight: Flight[Call], request: Post) -> None:
        curl = self._idle.pop() if self._idle else _new_handle(connect_seconds=self._timeout_seconds[0])
        flight.head.clear()
        seconds = min(flight.ends_at - time.monotonic(), sum(self._timeout_seconds))
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(seconds * 1000)))
        curl.setopt(pycurl.HEADERFUNCTION, flight.head.append)
        curl.setopt(pycurl.URL, request.url)
        curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in request.headers.items()])
        curl.setopt(pycurl.POSTFIELDS, request.body)
        self._flying[curl] = flight
        self._multi.add_handle(curl)
        self._multi.perform()  # the next call is made while this one is under way

    def _wait(self) -> None:
        """Wait until there is something to do."""
        pauses = [flight.resume_at - time.monotonic() for flight in self._paused]
        timers = [self._multi.timeout() / 1000] if self._multi.timeout() >= 0 else []
        seconds = max(0.0, min(LOOK_SECONDS, *pauses, *timers))
        if any(self._multi.fdset()):
            self._multi.select(seconds)
        else:
            time.sleep(min(seconds, LOOK_UP_SECONDS) if self._flying else seconds)

    def _land(self) -> Iterator[Flight[Call]]:
        """Yield what is over; if nothing is, wait first."""
        landed = self._landed()
        if not landed:
            self._wait()
            self._multi.perform()
            landed = self._landed()
        for curl, reason in landed:
            flight = self._flying.pop(curl)
            self._multi.remove_handle(curl)
            self._idle.append(curl)
            failure = _judge(curl, reason, flight.head)
            if failure is None:
                flight.failures.clear()
            elif self._is_tried_again(flight, failure):
                continue
            yield flight

    def _landed(self) -> list[tuple[pycurl.Curl, str]]:
        """Return what has ended since, with "" or the name of an error: its text may quote the URL."""
        landed: list[tuple[pycurl.Curl, str]] = []
        left = 1
        while left:
            left, answered, failed = self._multi.info_read()
            landed += [(curl, "") for curl in answered]
            landed += [(curl, _ERRORS.get(code, "unknown")) for curl, code, _text in failed]
        return landed

    def _is_tried_again(self, flight: Flight[Call], failure: Failure) -> bool:
        flight.failures.append(failure)
        pause = _pause_seconds(failure, tries=len(flight.failures))
        flight.resume_at = time.monotonic() + pause
        if failure.permanent or len(flight.failures) == TRIES or pause > LONGEST_PAUSE_SECONDS:
            return False
        if flight.resume_at >= flight.ends_at:
            return False
        self._paused.append(flight)
        return True


def _new_handle(*, connect_seconds: float) -> pycurl.Curl:
    """Return a handle that trusts the system's authorities and ignores proxy variables."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.NOSIGNAL, 1)  # its signals and threads don't go together
    curl.setopt(pycurl.PROXY, "")
    # A call a connection: with HTTP/2 all would share one, which nobody has tried.
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(connect_seconds * 1000))
    curl.setopt(pycurl.WRITEFUNCTION, _ignore)
    trusted = ssl.get_default_verify_paths()
    for option, path in ((pycurl.CAINFO, trusted.cafile), (pycurl.CAPATH, trusted.capath)):
        if path:
            curl.setopt(option, path)
    return curl


def _ignore(_answer: bytes) -> None:
    """Read an answer's body for the connection's sake."""


def _judge(curl: pycurl.Curl, reason: str, head: Sequence[bytes]) -> Failure | None:
    if reason:
        return Failure(reason, ambiguous=curl.getinfo(pycurl.REQUEST_SIZE) > 0)
    status = curl.getinfo(pycurl.RESPONSE_CODE)
    if status in _TAKEN:
        return None
    server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    permanent = not server_error and status not in _TRY_AGAIN
    return Failure(f"HTTP {status}", permanent=permanent, ambiguous=server_error, wait_seconds=_retry_after(head))


def _retry_after(head: Sequence[bytes]) -> float:
    """Return the seconds that the header names; 0 where there is none, or a date."""
    lines = (line.partition(b":") for line in head)
    told = [value.strip() for name, _colon, value in lines if name.lower() == b"retry-after"]
    return float(told[0]) if told and told[0].isdigit() else 0.0


def _pause_seconds(failure: Failure, *, tries: int) -> float:
    """Return what the server asks us to wait, at least the back-off, whose upper half is random."""
    ceiling = BACKOFF_SECONDS * 2 ** (tries - 1)
    return max(failure.wait_seconds, random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter, not a secret
