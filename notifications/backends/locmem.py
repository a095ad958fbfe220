"""Realtime for tests: an outbox, as strict as Pusher, that signs with a fixed key."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from notifications.backends.base import Batch, ChannelEvent, Outcome, Trigger, one_by_one
from notifications.backends.limits import check_authentication, check_batch, check_trigger

KEY = "locmem-key"
SECRET = "locmem-secret"  # noqa: S105 - made up, it opens nothing


class LocmemRealtime:
    """Keeps every event of every channel in `outbox`, in the order of the calls."""

    def __init__(self) -> None:
        self.outbox: list[ChannelEvent] = []

    def trigger(self, channels: Sequence[str], name: str, data: str) -> None:
        """Put one event a channel into the outbox."""
        check_trigger(channels, name, data)
        self.outbox.extend([ChannelEvent(channel, name, data) for channel in channels])

    def trigger_batch(self, events: Sequence[ChannelEvent]) -> None:
        """Put the events into the outbox."""
        check_batch(events)
        self.outbox.extend(events)

    def send(self, calls: Iterable[Trigger | Batch]) -> Iterator[Outcome]:
        """Make the calls one by one."""
        return one_by_one(self, calls)

    def authenticate(self, channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> dict[str, str]:
        """Sign as Pusher's clients do, with the fixed key."""
        check_authentication(channel, socket_id, presence)
        channel_data = {} if presence is None else {"channel_data": json.dumps(dict(presence))}
        to_sign = ":".join([socket_id, channel, *channel_data.values()])
        signature = hmac.digest(SECRET.encode(), to_sign.encode(), hashlib.sha256).hex()
        return {"auth": f"{KEY}:{signature}", **channel_data}

    def clear(self) -> None:
        """Empty the outbox."""
        self.outbox.clear()
