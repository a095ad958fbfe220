"""The rules for what Pusher accepts. The backends `locmem` and `console` apply the same rules.

Source: Pusher's docs (2025-06). The `pusher` package checks less, and measures sizes wrongly (`sys.getsizeof`).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from notifications.backends.base import Limits, refused

LIMITS = Limits(
    channels_per_broadcast=100,
    events_per_batch=10,
    event_bytes=10_240,
    event_name_characters=200,
    channel_characters=164,
    # Encrypted channels need a master key, which the product doesn't have.
    channel_pattern=re.compile(r"(?!private-encrypted-)[A-Za-z0-9_\-=@,.;]+"),
)
PRESENCE_USER_ID_CHARACTERS = 128
PRESENCE_DATA_BYTES = 1_024

_SOCKET_ID = re.compile(r"[0-9]+\.[0-9]+")
_PRESENCE_PREFIX = "presence-"


def check_authentication(channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> None:
    """Raise a permanent TransportError if Pusher would not accept the channel, the socket id or the presence data."""
    LIMITS.check_channel(channel)
    if not _SOCKET_ID.fullmatch(socket_id):
        raise refused(channel, "the socket id is not two numbers with a dot between them")
    if channel.startswith(_PRESENCE_PREFIX) != (presence is not None):
        raise refused(channel, "presence channels, and only they, carry channel data")
    if presence is not None:
        _check_presence(channel, presence)


def _check_presence(channel: str, presence: Mapping[str, Any]) -> None:
    user_id = presence.get("user_id")
    if not isinstance(user_id, str) or not 0 < len(user_id) <= PRESENCE_USER_ID_CHARACTERS:
        raise refused(channel, f"a presence user id has 1 to {PRESENCE_USER_ID_CHARACTERS} characters")
    if len(json.dumps(dict(presence))) > PRESENCE_DATA_BYTES:
        raise refused(channel, f"channel data has at most {PRESENCE_DATA_BYTES} bytes")
