"""Connects the HTTP API and the WebSockets of the stand-in for Pusher.

The hub passes events to the subscribers of their channels.

Source: Pusher's docs (2025-06), Channels protocol and presence channels.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any, Protocol

CHANNEL = re.compile(r"[A-Za-z0-9_\-=@,.;]{1,164}")
PRESENCE = "presence-"
MEMBERS_PER_CHANNEL = 100


class Refused(Exception):
    """A subscription or message was refused. Pusher sends `pusher:error` with this text."""


class Subscriber(Protocol):
    """A connected client. `send` is called from several threads and must not block."""

    def send(self, message: str) -> None: ...


@dataclass(frozen=True)
class Member:
    """A user, as the subscribers of a presence channel see the user. One user may have several sockets."""

    user_id: str
    user_info: Any


class Hub:
    """The subscriptions of one app. Like Pusher, it drops an event on a channel without subscribers."""

    def __init__(self) -> None:
        # This function takes what Pusher reports by webhooks. It must not block.
        self.report: Callable[[dict[str, str]], object] | None = None
        self._channels: dict[str, dict[Subscriber, Member | None]] = {}
        self._lock = Lock()  # held while sending, so that all subscribers get the messages in the same order

    def subscribe(self, subscriber: Subscriber, channel: str, member: Member | None = None) -> None:
        """Add the subscriber, confirm the subscription, and tell the other subscribers about a new member.

        Raises Refused if the subscriber is subscribed already or the channel is full.
        """
        with self._lock:
            subscribers = self._channels.get(channel, {})
            members = _members(subscribers)
            if subscriber in subscribers:
                raise Refused(f"Existing subscription to channel {channel}")
            if member and len(members | {member.user_id: member}) > MEMBERS_PER_CHANNEL:
                raise Refused(f"Channel {channel} has {MEMBERS_PER_CHANNEL} members already")
            if not subscribers:
                self._note("channel_occupied", channel)
            if member and member.user_id not in members:
                _send(subscribers, "pusher_internal:member_added", asdict(member), channel)
                self._note("member_added", channel, user_id=member.user_id)
            self._channels[channel] = subscribers | {subscriber: member}
            data = _presence(_members(self._channels[channel])) if member else {}
            _send([subscriber], "pusher_internal:subscription_succeeded", data, channel)

    def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        """Remove the subscriber, if it is subscribed. Tell the other subscribers if a member has left."""
        with self._lock:
            self._remove(subscriber, channel)

    def disconnect(self, subscriber: Subscriber) -> None:
        """Remove the subscriber from all its channels."""
        with self._lock:
            for channel in [name for name, subscribers in self._channels.items() if subscriber in subscribers]:
                self._remove(subscriber, channel)

    def publish(self, channel: str, name: str, data: str) -> None:
        """Send an event, with `data` unchanged, to the current subscribers."""
        with self._lock:
            if subscribers := self._channels.get(channel):
                message = as_message(name, data, channel)
                for subscriber in subscribers:
                    subscriber.send(message)

    def _remove(self, subscriber: Subscriber, channel: str) -> None:
        subscribers = self._channels.get(channel, {})
        member = subscribers.pop(subscriber, None)
        if member and member.user_id not in _members(subscribers):
            _send(subscribers, "pusher_internal:member_removed", {"user_id": member.user_id}, channel)
            self._note("member_removed", channel, user_id=member.user_id)
        if not subscribers and self._channels.pop(channel, None) is not None:
            self._note("channel_vacated", channel)

    def _note(self, name: str, channel: str, **more: str) -> None:
        if self.report is not None:
            self.report({"name": name, "channel": channel, **more})


def as_message(event: str, data: Any, channel: str | None = None) -> str:
    """Return the text of a message on the socket."""
    message = {"event": event, "data": data}
    return json.dumps(message if channel is None else message | {"channel": channel})


def _send(subscribers: Iterable[Subscriber], event: str, data: dict[str, Any], channel: str) -> None:
    """Send one of Pusher's own events, whose data is JSON in a string."""
    message = as_message(event, json.dumps(data), channel)
    for subscriber in subscribers:
        subscriber.send(message)


def _members(subscribers: dict[Subscriber, Member | None]) -> dict[str, Member]:
    return {member.user_id: member for member in subscribers.values() if member}


def _presence(members: dict[str, Member]) -> dict[str, Any]:
    infos = {user_id: member.user_info for user_id, member in members.items()}
    return {"presence": {"ids": list(infos), "hash": infos, "count": len(infos)}}
