"""The realtime backend for development. It logs events without their credentials, and sends nothing."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from notifications.backends.base import CallResult, ClientOptions, RealtimeCall, RealtimeUnconfigured, one_by_one
from notifications.backends.pusher_rules import LIMITS, check_authentication

SECRETS = frozenset({"token", "byteplus_token", "byteplus_rtc_info"})

logger = logging.getLogger(__name__)


class ConsoleRealtime:
    """Logs one line for each event, and sends nothing."""

    limits = LIMITS

    def send(self, calls: Iterable[RealtimeCall | None]) -> Iterator[CallResult]:
        """Log the events of the calls."""
        return one_by_one(calls, self._log)

    def client_options(self) -> ClientOptions:
        """Raise RealtimeUnconfigured, because there is nothing to connect to."""
        raise RealtimeUnconfigured

    def authenticate(self, channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> dict[str, str]:
        """Raise RealtimeUnconfigured, because there is no key to sign with."""
        check_authentication(channel, socket_id, presence)
        raise RealtimeUnconfigured

    def _log(self, call: RealtimeCall) -> None:
        self.limits.check(call)
        for event in call.events:
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
