"""Realtime for development: says what it would have sent, without the credentials in it."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from notifications.backends.base import Batch, ChannelEvent, Outcome, RealtimeUnconfigured, Trigger, one_by_one
from notifications.backends.limits import check_authentication, check_batch, check_trigger

SECRETS = frozenset({"token", "byteplus_token", "byteplus_rtc_info"})

logger = logging.getLogger(__name__)


class ConsoleRealtime:
    """Logs one line an event; sends nothing."""

    def trigger(self, channels: Sequence[str], name: str, data: str) -> None:
        """Log the event, a line a channel."""
        check_trigger(channels, name, data)
        _log(ChannelEvent(channel, name, data) for channel in channels)

    def trigger_batch(self, events: Sequence[ChannelEvent]) -> None:
        """Log the events."""
        check_batch(events)
        _log(events)

    def send(self, calls: Iterable[Trigger | Batch]) -> Iterator[Outcome]:
        """Make the calls one by one."""
        return one_by_one(self, calls)

    def authenticate(self, channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> dict[str, str]:
        """Raise RealtimeUnconfigured: there is no key to sign with."""
        check_authentication(channel, socket_id, presence)
        raise RealtimeUnconfigured


def _log(events: Iterable[ChannelEvent]) -> None:
    for event in events:
        logger.info("%s -> %s (%d bytes) %s", event.name, event.channel, event.size, _redacted(event.data))


def _redacted(data: str) -> str:
    try:
        return json.dumps(_without_secrets(json.loads(data)))
    except ValueError:
        return "<not JSON>"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "<redacted>" if key in SECRETS else _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value
