"""The servers that replace Pusher for the clients of a test: our stand-in, or soketi (`tests/browser/soketi.py`)."""

from typing import Protocol, Self

from lab.loopback.pusher import PusherLoopback, SeenEvent
from lab.loopback.websocket import PusherSockets


class Realtime(Protocol):
    """A server to which the clients connect, and to which the queue sends the events."""

    port: int
    api_port: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *_exception: object) -> None: ...

    def events(self) -> list[SeenEvent]:
        """Return the accepted events."""
        ...

    def publish(self, channel: str, name: str, data: str) -> None:
        """Send an event as if the product had sent it."""
        ...

    def go_away(self) -> None:
        """Close all sockets, and refuse new ones."""
        ...

    def come_back(self) -> None:
        """Accept sockets again, on the same port."""
        ...


class StandIn(PusherSockets):
    """Our stand-in, which checks more than Pusher does."""

    def __init__(self, pusher: PusherLoopback) -> None:
        super().__init__(pusher)
        self.api_port = pusher.port
        self._pusher = pusher

    def events(self) -> list[SeenEvent]:
        return list(self._pusher.events)

    def publish(self, channel: str, name: str, data: str) -> None:
        self._pusher.hub.publish(channel, name, data)
