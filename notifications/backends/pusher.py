"""The realtime backend for Pusher Channels. The `pusher` package signs requests, and libcurl sends them.

The package's own session verifies servers against a CA file of 2021, honours proxy variables and keeps only ten
connections. The package also refuses data of sizes that Pusher accepts. So this backend builds requests from the
package's parts.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pusher.authentication_client import AuthenticationClient
from pusher.http import POST, Request, make_query_string
from pusher.signature import sign

from config import clock
from config.errors import TransportError
from config.vendor_calls import VendorRequest
from notifications.backends.base import Batch, Broadcast, CallResult, ClientOptions, RealtimeCall, RealtimeUnconfigured
from notifications.backends.connections import Connections
from notifications.backends.pusher_rules import LIMITS, check_authentication

TIMEOUT_SECONDS = (3.0, 5.0)  # the time-outs for connecting, and for the rest of an attempt
DEFAULT_CLUSTER = "mt1"  # Pusher's own default


class PusherRealtime:
    """Sends through Pusher's HTTP API. One instance serves all threads. Each thread keeps `concurrency` connections."""

    limits = LIMITS

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
        per_second: int = 0,
    ) -> None:
        configured = app_id.isascii() and app_id.isdecimal() and key and secret
        self._connections = Connections("Pusher", concurrency, timeout_seconds, per_second=per_second)
        self._client_options = ClientOptions(
            key=key,
            cluster=cluster or DEFAULT_CLUSTER,
            host=host or f"ws-{cluster or DEFAULT_CLUSTER}.pusher.com",
            port=port or (443 if ssl else 80),
            tls=ssl,
        )
        self._client = (
            AuthenticationClient(
                app_id=app_id,
                key=key,
                secret=secret,
                cluster=cluster or None,
                host=host or None,
                port=port or None,
                ssl=ssl,
                backend=lambda _client: None,
            )
            if configured
            else None
        )

    def send(self, calls: Iterable[RealtimeCall | None]) -> Iterator[CallResult]:
        """Make the calls, up to `concurrency` at a time, and yield the result of each."""
        return self._connections.send(calls, self._signed)

    def client_options(self) -> ClientOptions:
        """Return the options, or raise RealtimeUnconfigured if there are no keys.

        A self-hosted server accepts both clients and API calls at the same host and port.
        """
        if self._client is None:
            raise RealtimeUnconfigured
        return self._client_options

    def authenticate(self, channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> dict[str, str]:
        """Sign the subscription, without a request to Pusher. Raise RealtimeUnconfigured if there are no keys."""
        check_authentication(channel, socket_id, presence)
        if self._client is None:
            raise RealtimeUnconfigured
        signed: dict[str, str] = self._client.authenticate(channel, socket_id, presence and dict(presence))
        return signed

    def _signed(self, call: RealtimeCall) -> VendorRequest:
        """Return the call as a signed request. Raise a permanent TransportError if Pusher would refuse the call."""
        self.limits.check(call)
        if self._client is None:
            raise TransportError("PUSHER_APP_ID (a number), PUSHER_KEY or PUSHER_SECRET is not set.", permanent=True)
        resource, body = _resource(call)
        request = Request(self._client, POST, f"/apps/{self._client.app_id}/{resource}", body)
        _sign_for_now(request)
        return VendorRequest(request.url, request.headers, request.body)


def _sign_for_now(request: Request) -> None:
    """Sign the request anew if this host's clock is wrong. Pusher refuses a timestamp that is ten minutes off."""
    if clock.is_host_right():
        return
    del request.query_params["auth_signature"]
    request.query_params["auth_timestamp"] = str(int(clock.timestamp()))
    signed = "\n".join([request.method, request.path, make_query_string(request.query_params)])
    request.query_params["auth_signature"] = sign(request.client.secret, signed)


def _resource(call: RealtimeCall) -> tuple[str, dict[str, Any]]:
    """Return the last part of the URL, and the body."""
    match call:
        case Broadcast(channels, name, data):
            return "events", {"name": name, "channels": list(channels), "data": data}
        case Batch(events):
            batch = [{"channel": event.channel, "name": event.name, "data": event.data} for event in events]
            return "batch_events", {"batch": batch}
