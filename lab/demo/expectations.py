"""Compares what both stand-ins have received by the end of the demo with what they must have received."""

from collections import Counter
from dataclasses import dataclass

from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.pusher import PusherLoopback, SeenEvent

ADDED, STARTED, AUTHORIZED = "goal.added", "goal.started", "stream.authorized"
PREVIEW, SD = "preview", "sd"

# An event on a channel: (event name, channel).
Delivery = tuple[str, str]


@dataclass(frozen=True)
class Count:
    """How often something was wanted, and how often it was seen."""

    what: str
    wanted: int
    seen: int

    @property
    def is_exact(self) -> bool:
        """Whether it was seen exactly as often as it was wanted."""
        return self.seen == self.wanted


@dataclass(frozen=True)
class Show:
    """The show of the demo, and its audience."""

    goal_id: str
    session_id: str
    streamer_id: str
    viewers: list[str]
    nbf: int
    access_exp: int

    def viewer_channel(self, preset: str, viewer_id: str) -> str:
        """Return the channel of the viewer for the preset."""
        return f"presence-stream-viewer@{self.streamer_id}.{preset}.{viewer_id}"

    def deliveries(self) -> Counter[Delivery]:
        """Return the event and the channel of each delivery that the product must make. Each one counts once.

        The channels are written out as in docs/api.md, without using the product's code.
        """
        streamer_channels = [
            f"private-stream@{self.streamer_id}",
            f"presence-stream@{self.streamer_id}",
            f"private-user@{self.streamer_id}",
        ]
        to_streamer = [(name, channel) for name in (ADDED, STARTED) for channel in streamer_channels]
        to_viewers = [
            (AUTHORIZED, self.viewer_channel(preset, viewer)) for preset in (PREVIEW, SD) for viewer in self.viewers
        ]
        return Counter(to_streamer + to_viewers)


def is_complete(show: Show, pusher: PusherLoopback, byteplus: BytePlusLoopback) -> bool:
    """Tell whether all expected events and a recording have arrived."""
    return bool(byteplus.records) and not show.deliveries() - _deliveries(pusher)


def count(show: Show, pusher: PusherLoopback, byteplus: BytePlusLoopback) -> list[Count]:
    """Compare what the stand-ins received with what they must have received."""
    wanted, seen = show.deliveries(), _deliveries(pusher)
    counts = [
        Count(what, _total(wanted, name, marker), _total(seen, name, marker))
        for what, name, marker in (
            ("stream.authorized, preview", AUTHORIZED, f".{PREVIEW}."),
            ("stream.authorized, sd", AUTHORIZED, f".{SD}."),
            ("goal.added, streamer's channels", ADDED, ""),
            ("goal.started, streamer's channels", STARTED, ""),
        )
    ]
    recordings = [record for record in byteplus.records if record["RoomId"] == show.session_id]
    return [
        *counts,
        Count("events missing, unknown or sent twice", 0, ((wanted - seen) + (seen - wanted)).total()),
        Count("StartRecord", 1, len(recordings) + byteplus.repeated),
        Count("requests refused", 0, pusher.rejected + byteplus.rejected),
    ]


def authorizations(pusher: PusherLoopback) -> list[SeenEvent]:
    """Return the `stream.authorized` events in order of arrival."""
    return [event for event in list(pusher.events) if event.name == AUTHORIZED]


def _deliveries(pusher: PusherLoopback) -> Counter[Delivery]:
    return Counter((event.name, event.channel) for event in list(pusher.events))


def _total(deliveries: Counter[Delivery], name: str, marker: str) -> int:
    return sum(times for (event, channel), times in deliveries.items() if event == name and marker in channel)
