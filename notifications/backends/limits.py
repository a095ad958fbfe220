"""What Pusher accepts. Every backend checks it, so that a test or a demo refuses what the vendor would.

Source: Pusher's docs (2025-06). The `pusher` package checks less, and sizes wrongly (`sys.getsizeof`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from config.errors import TransportError
from notifications.backends.base import ChannelEvent

CHANNELS_PER_TRIGGER = 100
EVENTS_PER_BATCH = 10
DATA_BYTES = 10_240
CHANNEL_CHARACTERS = 164
EVENT_NAME_CHARACTERS = 200
PRESENCE_USER_ID_CHARACTERS = 128
PRESENCE_DATA_BYTES = 1_024

_CHANNEL = re.compile(r"[A-Za-z0-9_\-=@,.;]+")
_SOCKET_ID = re.compile(r"[0-9]+\.[0-9]+")
_PRESENCE_PREFIX = "presence-"
_ENCRYPTED_PREFIX = "private-encrypted-"


def check_trigger(channels: Sequence[str], name: str, data: str) -> None:
    """Raise a permanent TransportError unless Pusher takes this event for these channels."""
    _check_count("channels in a trigger", len(channels), CHANNELS_PER_TRIGGER)
    for channel in channels:
        check_channel(channel)
    check_event(ChannelEvent(channels[0], name, data))


def check_batch(events: Sequence[ChannelEvent]) -> None:
    """Raise a permanent TransportError unless Pusher takes these events in one call."""
    _check_count("events in a batch", len(events), EVENTS_PER_BATCH)
    for event in events:
        check_channel(event.channel)
        check_event(event)


def check_channel(channel: str) -> None:
    """Raise a permanent TransportError unless this is a channel's name."""
    if len(channel) > CHANNEL_CHARACTERS:
        raise _refused(channel, f"the channel's name is longer than {CHANNEL_CHARACTERS} characters")
    if not _CHANNEL.fullmatch(channel):
        raise _refused(channel, "the channel's name has characters that Pusher does not allow")
    if channel.startswith(_ENCRYPTED_PREFIX):
        raise _refused(channel, "encrypted channels need a master key, and we have none")


def check_event(event: ChannelEvent) -> None:
    """Raise a permanent TransportError unless name and data fit. Data is counted in UTF-8 bytes."""
    if not 0 < len(event.name) <= EVENT_NAME_CHARACTERS:
        raise _refused(event.channel, f"an event's name has 1 to {EVENT_NAME_CHARACTERS} characters")
    if event.size > DATA_BYTES:
        raise _refused(event.channel, f"the data of {event.name} has {event.size} bytes, {DATA_BYTES} are allowed")


def check_authentication(channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> None:
    """Raise a permanent TransportError unless a signature over these three means what it seems to mean."""
    check_channel(channel)
    if not _SOCKET_ID.fullmatch(socket_id):
        raise _refused(channel, "the socket id is not two numbers with a dot between them")
    if channel.startswith(_PRESENCE_PREFIX) != (presence is not None):
        raise _refused(channel, "presence channels, and only they, carry channel data")
    if presence is not None:
        _check_presence(channel, presence)


def _check_presence(channel: str, presence: Mapping[str, Any]) -> None:
    user_id = presence.get("user_id")
    if not isinstance(user_id, str) or not 0 < len(user_id) <= PRESENCE_USER_ID_CHARACTERS:
        raise _refused(channel, f"a presence user id has 1 to {PRESENCE_USER_ID_CHARACTERS} characters")
    if len(json.dumps(dict(presence))) > PRESENCE_DATA_BYTES:
        raise _refused(channel, f"channel data has at most {PRESENCE_DATA_BYTES} bytes")


def _check_count(what: str, count: int, most: int) -> None:
    if not 0 < count <= most:
        raise TransportError(f"Pusher takes 1 to {most} {what}, not {count}.", permanent=True)


def _refused(channel: str, reason: str) -> TransportError:
    # ascii() keeps line breaks and control characters of a bad name out of the log.
    return TransportError(f"Pusher would refuse this: {reason}.", permanent=True, channel=ascii(channel[:200]))
