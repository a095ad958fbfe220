"""Realtime of Pusher Channels: the `pusher` package signs, libcurl sends over a pool of connections.

The package's own session verifies against a CA file of 2021, honours proxy variables and keeps ten connections; its
size checks refuse data that Pusher takes. So requests are built here from its parts, after the checks of `limits.py`.
libcurl, for a call then takes 0.2 ms of CPU, with urllib3 0.65 (docs/adr/0029-libcurl.md).
"""

import random
import ssl as system_ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from queue import LifoQueue
from typing import Any

import pycurl
from pusher.authentication_client import AuthenticationClient
from pusher.http import POST, Request

from config.errors import TransportError
from notifications.backends.base import ChannelEvent, NotDelivered, RealtimeUnconfigured
from notifications.backends.limits import check_authentication, check_batch, check_trigger

TRIES = 3
TIMEOUT_SECONDS = (3.0, 5.0)  # to connect, for the rest
CALL_SECONDS = 12.0  # all tries of a call, and the pauses between them
BACKOFF_SECONDS = 0.2  # before the second try; doubles
LONGEST_PAUSE_SECONDS = 5.0  # who is told to wait for longer leaves it to the queue

_TAKEN = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
# A code may have several names, old ones among them: the shortest is libcurl's own.
_NAMES = sorted((name for name in dir(pycurl) if name.startswith("E_")), key=len, reverse=True)
_ERRORS = {getattr(pycurl, name): name.removeprefix("E_") for name in _NAMES}


class PusherRealtime:
    """Sends through Pusher's HTTP API. One instance serves all threads; it keeps `concurrency` connections.

    Connection errors, 408, 429 and 5xx are tried again, signed anew. Error texts name the call and the status,
    nothing of the answer's or the exception's text, for these quote signatures.
    """

    def __init__(
        self,
        *,
        app_id: str,
        key: str,
        secret: str,
        cluster: str = "",
        host: str = "",
        port: int = 0,
        ssl: bool = True,
        concurrency: int = 16,
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> None:
        configured = app_id.isascii() and app_id.isdecimal() and key and secret
        self._http = _PooledHTTP(concurrency, timeout_seconds)
        self._client = (
            AuthenticationClient(
                app_id=app_id,
                key=key,
                secret=secret,
                cluster=cluster or None,
                host=host or None,
                port=port or None,
                ssl=ssl,
                backend=lambda _client: self._http,
            )
            if configured
            else None
        )

    def trigger(self, channels: Sequence[str], name: str, data: str) -> None:
        """Send one event to at most 100 channels in one request."""
        check_trigger(channels, name, data)
        self._post("events", {"name": name, "channels": list(channels), "data": data})

    def trigger_batch(self, events: Sequence[ChannelEvent]) -> None:
        """Send at most 10 events in one request."""
        check_batch(events)
        batch = [{"channel": event.channel, "name": event.name, "data": event.data} for event in events]
        self._post("batch_events", {"batch": batch})

    def authenticate(self, channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> dict[str, str]:
        """Sign the subscription; no request is made. Raise RealtimeUnconfigured without keys."""
        check_authentication(channel, socket_id, presence)
        if self._client is None:
            raise RealtimeUnconfigured
        signed: dict[str, str] = self._client.authenticate(channel, socket_id, presence and dict(presence))
        return signed

    def _post(self, resource: str, body: Mapping[str, Any]) -> None:
        if self._client is None:
            raise TransportError("PUSHER_APP_ID (a number), PUSHER_KEY or PUSHER_SECRET is not set.", permanent=True)
        path = f"/apps/{self._client.app_id}/{resource}"
        failures = self._http.send(partial(Request, self._client, POST, path, body))
        if failures:
            raise _error(f"Pusher {resource}: {failures[-1].reason}.", failures)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a try failed: a status, or the name of an error. `ambiguous`: the event may have gone out."""

    reason: str
    permanent: bool = False
    ambiguous: bool = True
    wait_seconds: float = 0.0


class _PooledHTTP:
    """Sends requests over kept connections, one each of so many handles; who finds none free waits."""

    def __init__(self, concurrency: int, timeout_seconds: tuple[float, float]) -> None:
        self._timeout_seconds = timeout_seconds
        # The last used first: its connection is the likeliest to be open. None: not made yet.
        self._handles: LifoQueue[pycurl.Curl | None] = LifoQueue()
        for _ in range(concurrency):
            self._handles.put(None)

    def send(self, sign: Callable[[], Request]) -> list[_Failure]:
        """Send the request, signed anew for each try, until it is taken. Returns [], or why each try failed."""
        ends_at = time.monotonic() + CALL_SECONDS
        failures: list[_Failure] = []
        while failure := self._try(sign(), seconds=ends_at - time.monotonic()):
            failures.append(failure)
            pause = _pause_seconds(failure, tries=len(failures))
            if failure.permanent or len(failures) == TRIES or pause > LONGEST_PAUSE_SECONDS:
                return failures
            if time.monotonic() + pause >= ends_at:
                return failures
            time.sleep(pause)
        return []

    def _try(self, request: Request, *, seconds: float) -> _Failure | None:
        head: list[bytes] = []
        with self._handle() as curl:
            curl.setopt(pycurl.HEADERFUNCTION, head.append)
            curl.setopt(pycurl.URL, request.url)
            curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in request.headers.items()])
            curl.setopt(pycurl.POSTFIELDS, request.body)
            curl.setopt(pycurl.TIMEOUT_MS, max(1, int(min(seconds, sum(self._timeout_seconds)) * 1000)))
            reason = _perform(curl)
            if reason:
                return _Failure(reason, ambiguous=curl.getinfo(pycurl.REQUEST_SIZE) > 0)
            return _judge(curl.getinfo(pycurl.RESPONSE_CODE), head)

    @contextmanager
    def _handle(self) -> Iterator[pycurl.Curl]:
        curl = self._handles.get()
        try:
            curl = curl or _new_handle(connect_seconds=self._timeout_seconds[0])
            yield curl
        finally:
            self._handles.put(curl)


def _new_handle(*, connect_seconds: float) -> pycurl.Curl:
    """Return a handle that trusts the system's authorities and ignores proxy variables."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.NOSIGNAL, 1)  # its signals and threads don't go together
    curl.setopt(pycurl.PROXY, "")
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(connect_seconds * 1000))
    curl.setopt(pycurl.WRITEFUNCTION, _ignore)
    trusted = system_ssl.get_default_verify_paths()
    for option, path in ((pycurl.CAINFO, trusted.cafile), (pycurl.CAPATH, trusted.capath)):
        if path:
            curl.setopt(option, path)
    return curl


def _ignore(_answer: bytes) -> None:
    """Read an answer's body for the connection's sake."""


def _perform(curl: pycurl.Curl) -> str:
    """Send the request and read the answer. Returns "", or the name of libcurl's error: its text may quote the URL."""
    try:
        curl.perform()
    except pycurl.error as error:
        return _ERRORS.get(error.args[0], "unknown")
    return ""


def _judge(status: int, head: Sequence[bytes]) -> _Failure | None:
    if status in _TAKEN:
        return None
    server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    permanent = not server_error and status not in _TRY_AGAIN
    return _Failure(f"HTTP {status}", permanent=permanent, ambiguous=server_error, wait_seconds=_retry_after(head))


def _retry_after(head: Sequence[bytes]) -> float:
    """Return the seconds that the header names; 0 where there is none, or a date."""
    lines = (line.partition(b":") for line in head)
    told = [value.strip() for name, _colon, value in lines if name.lower() == b"retry-after"]
    return float(told[0]) if told and told[0].isdigit() else 0.0


def _pause_seconds(failure: _Failure, *, tries: int) -> float:
    """Return what Pusher asks us to wait, at least the back-off, whose upper half is random."""
    ceiling = BACKOFF_SECONDS * 2 ** (tries - 1)
    return max(failure.wait_seconds, random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter, not a secret


def _error(detail: str, failures: Sequence[_Failure]) -> TransportError:
    if failures[-1].permanent:
        return TransportError(detail, permanent=True)
    ambiguous = any(failure.ambiguous for failure in failures)
    return TransportError(detail, permanent=False) if ambiguous else NotDelivered(detail)
