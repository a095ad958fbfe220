"""Realtime of Pusher Channels: the `pusher` package signs, libcurl sends over kept connections.

The package's own session verifies against a CA file of 2021, honours proxy variables and keeps ten connections; its
size checks refuse data that Pusher takes. So requests are built here from its parts, after the checks of `limits.py`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pusher.authentication_client import AuthenticationClient
from pusher.http import POST, Request

from config.errors import TransportError
from notifications.backends.base import Batch, ChannelEvent, NotDelivered, Outcome, RealtimeUnconfigured, Trigger
from notifications.backends.libcurl import Exchange, Flight
from notifications.backends.limits import check_authentication, check_batch, check_trigger

TIMEOUT_SECONDS = (3.0, 5.0)  # to connect, for the rest


class PusherRealtime:
    """Sends through Pusher's HTTP API. One instance serves all threads; each keeps `concurrency` connections.

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
        self._concurrency = concurrency
        self._timeout_seconds = timeout_seconds
        self._spare: list[Exchange[Trigger | Batch]] = []
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

    def trigger(self, channels: Sequence[str], name: str, data: str) -> None:
        """Send one event to at most 100 channels in one request."""
        self._send_one(Trigger(tuple(channels), name, data))

    def trigger_batch(self, events: Sequence[ChannelEvent]) -> None:
        """Send at most 10 events in one request."""
        self._send_one(Batch(tuple(events)))

    def send(self, calls: Iterable[Trigger | Batch]) -> Iterator[Outcome]:
        """Make the calls, `concurrency` at a time."""
        with self._exchange() as exchange:
            for flight in exchange.fly(calls, self._request):
                yield Outcome(flight.call, flight.error or _error(flight))

    def authenticate(self, channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> dict[str, str]:
        """Sign the subscription; no request is made. Raise RealtimeUnconfigured without keys."""
        check_authentication(channel, socket_id, presence)
        if self._client is None:
            raise RealtimeUnconfigured
        signed: dict[str, str] = self._client.authenticate(channel, socket_id, presence and dict(presence))
        return signed

    def _send_one(self, call: Trigger | Batch) -> None:
        (outcome,) = self.send([call])
        if outcome.error is not None:
            raise outcome.error

    def _request(self, call: Trigger | Batch) -> Request:
        """Return the call as a request, signed now. Raises a permanent TransportError if Pusher would refuse it."""
        body: dict[str, Any]
        match call:
            case Trigger(channels, name, data):
                check_trigger(channels, name, data)
                body = {"name": name, "channels": list(channels), "data": data}
            case Batch(events):
                check_batch(events)
                batch = [{"channel": event.channel, "name": event.name, "data": event.data} for event in events]
                body = {"batch": batch}
        if self._client is None:
            raise TransportError("PUSHER_APP_ID (a number), PUSHER_KEY or PUSHER_SECRET is not set.", permanent=True)
        return Request(self._client, POST, f"/apps/{self._client.app_id}/{_resource(call)}", body)

    @contextmanager
    def _exchange(self) -> Iterator[Exchange[Trigger | Batch]]:
        """Give connections that no other thread uses, the last used first: they are the likeliest to be open."""
        try:
            exchange = self._spare.pop()
        except IndexError:
            exchange = Exchange(self._concurrency, self._timeout_seconds)
        yield exchange
        self._spare.append(exchange)  # one whose use failed half-way is forgotten, with its connections


def _resource(call: Trigger | Batch) -> str:
    return "events" if isinstance(call, Trigger) else "batch_events"


def _error(flight: Flight[Trigger | Batch]) -> TransportError | None:
    if not flight.failures:
        return None
    detail = f"Pusher {_resource(flight.call)}: {flight.failures[-1].reason}."
    if flight.failures[-1].permanent:
        return TransportError(detail, permanent=True)
    ambiguous = any(failure.ambiguous for failure in flight.failures)
    return TransportError(detail, permanent=False) if ambiguous else NotDelivered(detail)
