"""Realtime of Pusher Channels: the `pusher` package signs, our own pooled HTTP session sends.

Its own session verifies against a CA file of 2021, honours proxy variables and keeps ten connections; its size checks
refuse data that Pusher takes. So requests are built here from its parts, after the checks of `limits.py`.
"""

from collections.abc import Mapping, Sequence
from ssl import create_default_context
from typing import Any

import requests
from pusher.authentication_client import AuthenticationClient
from pusher.http import POST, Request
from requests.adapters import HTTPAdapter

from config.errors import TransportError
from notifications.backends.base import ChannelEvent, RealtimeUnconfigured
from notifications.backends.limits import check_authentication, check_batch, check_trigger

TIMEOUT_SECONDS = (3, 5)  # to connect, to read
_TAKEN = frozenset({200, 202})
_TRANSIENT = frozenset({408, 429})


class PusherRealtime:
    """Sends through Pusher's HTTP API. One instance serves all threads; it keeps `concurrency` connections.

    Nothing is tried again here: the queue does that. Error texts name the call and the status, nothing of the
    answer's or the exception's text, for these quote signatures.
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
        self._client = (
            AuthenticationClient(
                app_id=app_id,
                key=key,
                secret=secret,
                cluster=cluster or None,
                host=host or None,
                port=port or None,
                ssl=ssl,
                backend=_PooledHTTP,
                concurrency=concurrency,
                timeout_seconds=timeout_seconds,
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
        request = Request(self._client, POST, f"/apps/{self._client.app_id}/{resource}", body)
        self._client.http.send_request(request)


class _PooledHTTP:
    """The package's HTTP backend: sends one signed request, raises TransportError unless Pusher took it."""

    def __init__(self, _client: object, *, concurrency: int, timeout_seconds: tuple[float, float]) -> None:
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("https://", _SystemTrust(pool_maxsize=concurrency, pool_block=True))
        self._session.mount("http://", HTTPAdapter(pool_maxsize=concurrency, pool_block=True))

    def send_request(self, request: Request) -> None:
        """Send the request once."""
        resource = request.path.rpartition("/")[2]
        status, reason = self._send(request)
        if status in _TAKEN:
            return
        permanent = 0 < status < requests.codes.server_error and status not in _TRANSIENT
        raise TransportError(f"Pusher {resource}: {reason}.", permanent=permanent)

    def _send(self, request: Request) -> tuple[int, str]:
        """Return the status and a text for it; status 0 if there was no whole answer."""
        try:
            answer = self._session.post(
                request.url,
                data=request.body,
                headers=request.headers,
                timeout=self._timeout_seconds,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return 0, type(error).__name__
        return answer.status_code, f"HTTP {answer.status_code}"


class _SystemTrust(HTTPAdapter):
    """Trusts the system's authorities besides those that requests brings along."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=create_default_context(), **options)
