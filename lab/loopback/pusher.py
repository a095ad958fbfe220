"""A stand-in for Pusher's HTTP API.

It verifies signatures and checks every limit according to Pusher's docs (2025-06). It shares no code with
`notifications/backends`, so that it finds mistakes there.
"""

import hashlib
import hmac
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from lab.loopback.exchange import Answer, LoopbackRequest
from lab.loopback.hub import CHANNEL, Hub
from lab.loopback.server import LoopbackServer

CLOCK_SKEW_SECONDS = 600
CHANNELS_PER_TRIGGER = 100
EVENTS_PER_BATCH = 10
EVENT_NAME_CHARACTERS = 200
DATA_BYTES = 10_240
RETRY_AFTER_SECONDS = "1"
_SIGNED_PARAMETERS = ("auth_key", "auth_timestamp", "auth_version", "auth_signature", "body_md5")


class SeenEvent(NamedTuple):
    """One event on one channel that the server accepted, at `at` (Unix seconds). `data` is JSON text."""

    channel: str
    name: str
    data: str
    at: float


class _Refusal(Exception):
    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


class PusherLoopback(LoopbackServer):
    """Accepts signed events of one app. `events` has them in order of arrival, and `hub` has the subscribers.

    With `keep_data=False`, the events are kept without their data. In benchmarks, 200,000 events of 1 KB would take 200
    MB.
    """

    def __init__(self, *, app_id: str, key: str, secret: str, latency: float = 0.0, keep_data: bool = True) -> None:
        super().__init__(latency=latency)
        self.app_id = app_id
        self.key = key
        self.secret = secret
        self.hub = Hub()
        self.events: list[SeenEvent] = []
        self._by_name: Counter[str] = Counter()
        self.keep_data = keep_data

    def answer(self, request: LoopbackRequest) -> Answer:
        """Accept all events of the request, or none."""
        try:
            self._check_resource(request)
            self._check_signature(request)
            if not self._admits(request):
                return Answer(429, b"over quota\n", "text/plain", headers={"Retry-After": RETRY_AFTER_SECONDS})
            accepted = events_of(request)
        except _Refusal as refusal:
            # Pusher's responses are plain text.
            return Answer(refusal.status, f"{refusal}\n".encode(), "text/plain", reason=f"{refusal.status} {refusal}")
        with self._lock:
            self.events.extend(accepted if self.keep_data else [event._replace(data="") for event in accepted])
            self._by_name.update(event.name for event in accepted)
        for event in accepted:
            self.hub.publish(event.channel, event.name, event.data)
        return Answer(200, b"{}")

    def counts(self) -> dict[str, Counter[str]]:
        """Count the accepted events by name."""
        with self._lock:
            return {"events": self._by_name.copy()}

    def _check_resource(self, request: LoopbackRequest) -> None:
        if request.path not in (f"/apps/{self.app_id}/events", f"/apps/{self.app_id}/batch_events"):
            raise _Refusal(404, "not found")
        if request.method != "POST":
            raise _Refusal(405, "method not allowed")

    def _check_signature(self, request: LoopbackRequest) -> None:
        query = dict(request.query)
        if missing := [name for name in _SIGNED_PARAMETERS if not query.get(name)]:
            raise _Refusal(401, f"{missing[0]} is missing")
        if query["auth_key"] != self.key or query["auth_version"] != "1.0":
            raise _Refusal(401, "unknown auth_key or auth_version")
        if not _is_recent(query["auth_timestamp"], request.at):
            raise _Refusal(401, f"auth_timestamp is more than {CLOCK_SKEW_SECONDS} s off")
        if query["body_md5"] != hashlib.md5(request.body, usedforsecurity=False).hexdigest():
            raise _Refusal(401, "body_md5 is not that of the body")
        signature = query.pop("auth_signature")
        parameters = "&".join(f"{name.lower()}={value}" for name, value in sorted(query.items()))
        signed = f"{request.method}\n{request.path}\n{parameters}"
        if not hmac.compare_digest(signature, hmac.digest(self.secret.encode(), signed.encode(), "sha256").hex()):
            raise _Refusal(401, "invalid signature")


def events_of(request: LoopbackRequest) -> list[SeenEvent]:
    """Return the events that an accepted request carries."""
    return list(_events(request.path.rpartition("/")[2], request.json_object(), request.at))


def _is_recent(timestamp: str, now: float) -> bool:
    return timestamp.isascii() and timestamp.isdecimal() and abs(int(timestamp) - now) <= CLOCK_SKEW_SECONDS


def _events(resource: str, body: dict[str, Any] | None, at: float) -> Iterator[SeenEvent]:
    if body is None:
        raise _Refusal(400, "the body is not a JSON object")
    if resource == "events":
        channels = _sized_list(body.get("channels", [body.get("channel")]), "channels", CHANNELS_PER_TRIGGER)
        name, data = _name_and_data(body)
        for channel in channels:
            yield SeenEvent(_channel(channel), name, data, at)
        return
    for event in _sized_list(body.get("batch"), "events", EVENTS_PER_BATCH):
        if not isinstance(event, dict):
            raise _Refusal(400, "an event is not an object")
        name, data = _name_and_data(event)
        yield SeenEvent(_channel(event.get("channel")), name, data, at)


def _sized_list(value: Any, what: str, most: int) -> list[Any]:
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise _Refusal(400, f"1 to {most} {what} are allowed")
    return value


def _channel(value: Any) -> str:
    if not isinstance(value, str) or not CHANNEL.fullmatch(value):
        raise _Refusal(400, "invalid channel name")
    return value


def _name_and_data(event: dict[str, Any]) -> tuple[str, str]:
    name, data = event.get("name"), event.get("data")
    if not isinstance(name, str) or not 0 < len(name) <= EVENT_NAME_CHARACTERS:
        raise _Refusal(400, "invalid event name")
    if not isinstance(data, str):
        raise _Refusal(400, "data is not a string")
    if len(data.encode("utf-8", "surrogatepass")) > DATA_BYTES:
        raise _Refusal(413, f"the data of the event is more than {DATA_BYTES} bytes")
    # The name is interned, because 200,000 events have only a few names.
    return sys.intern(name), data
