"""Realtime of Pusher Channels: the `pusher` package signs, our own pool of connections sends.

The package's own session verifies against a CA file of 2021, honours proxy variables and keeps ten connections; its
size checks refuse data that Pusher takes. So requests are built here from its parts, after the checks of `limits.py`,
and sent by urllib3 itself: `requests` above it makes a call cost 0.7 ms of CPU instead of 0.45.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from ssl import create_default_context
from typing import Any

from pusher.authentication_client import AuthenticationClient
from pusher.http import POST, Request
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from config.errors import TransportError
from notifications.backends.base import ChannelEvent, NotDelivered, RealtimeUnconfigured
from notifications.backends.limits import check_authentication, check_batch, check_trigger

TRIES = 3
TIMEOUT_SECONDS = (3.0, 5.0)  # to connect, to read
CALL_SECONDS = 12.0  # all tries of a call, and the pauses between them
BACKOFF_SECONDS = 0.2  # before the second try; doubles
LONGEST_PAUSE_SECONDS = 5.0  # who is told to wait for longer leaves it to the queue

_TAKEN = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


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
    """Why a try failed: a status, or the name of an exception. `ambiguous`: the event may have gone out."""

    reason: str
    permanent: bool = False
    ambiguous: bool = True
    wait_seconds: float = 0.0


class _PooledHTTP:
    """Sends requests over kept connections. It trusts the system's authorities and ignores proxy variables."""

    def __init__(self, concurrency: int, timeout_seconds: tuple[float, float]) -> None:
        self._connect_seconds, self._read_seconds = timeout_seconds
        self._pool = PoolManager(maxsize=concurrency, block=True, ssl_context=create_default_context())

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
        try:
            answer = self._pool.request(
                "POST",
                request.url,
                body=request.body,
                headers=request.headers,
                timeout=Timeout(connect=self._connect_seconds, read=self._read_seconds, total=max(seconds, 0.01)),
                retries=False,
                redirect=False,
            )
        except HTTPError as error:
            unsent = isinstance(error, NewConnectionError | ConnectTimeoutError)
            return _Failure(type(error).__name__, ambiguous=not unsent)
        if answer.status in _TAKEN:
            return None
        wait = answer.headers.get("Retry-After", "")
        server_error = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return _Failure(
            f"HTTP {answer.status}",
            permanent=not server_error and answer.status not in _TRY_AGAIN,
            ambiguous=server_error,
            wait_seconds=float(wait) if wait.isascii() and wait.isdecimal() else 0.0,
        )


def _pause_seconds(failure: _Failure, *, tries: int) -> float:
    """Return what Pusher asks us to wait, at least the back-off, whose upper half is random."""
    ceiling = BACKOFF_SECONDS * 2 ** (tries - 1)
    return max(failure.wait_seconds, random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter, not a secret


def _error(detail: str, failures: Sequence[_Failure]) -> TransportError:
    if failures[-1].permanent:
        return TransportError(detail, permanent=True)
    ambiguous = any(failure.ambiguous for failure in failures)
    return TransportError(detail, permanent=False) if ambiguous else NotDelivered(detail)
