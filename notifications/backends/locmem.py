"""The realtime backend for tests. It has an outbox and a fixed key, and applies Pusher's limits by default."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from notifications.backends.base import CallResult, ChannelEvent, ClientOptions, Limits, RealtimeCall, one_by_one
from notifications.backends.pusher_rules import LIMITS, check_authentication

KEY = "locmem-key"
SECRET = "locmem-secret"  # noqa: S105 - not a real secret


class LocmemRealtime:
    """Keeps every event of every channel in `outbox`, in the order of the calls."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.outbox: list[ChannelEvent] = []

    def send(self, calls: Iterable[RealtimeCall | None]) -> Iterator[CallResult]:
        """Put the events of the calls into the outbox."""
        return one_by_one(calls, self._send_one)

    def client_options(self) -> ClientOptions:
        """Return options of the same form as Pusher's. No server listens at their address."""
        return ClientOptions(key=KEY, cluster="locmem", host="localhost", port=6001, tls=False)

    def authenticate(self, channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> dict[str, str]:
        """Sign as the `pusher` package does, but with the fixed key."""
        check_authentication(channel, socket_id, presence)
        channel_data = {} if presence is None else {"channel_data": json.dumps(dict(presence))}
        to_sign = ":".join([socket_id, channel, *channel_data.values()])
        signature = hmac.digest(SECRET.encode(), to_sign.encode(), hashlib.sha256).hex()
        return {"auth": f"{KEY}:{signature}", **channel_data}

    def _send_one(self, call: RealtimeCall) -> None:
        self.limits.check(call)
        self.outbox.extend(call.events)
