"""A Pusher that delivers events to the evening's clients, but can also fail, lose its responses and refuse events."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from config.errors import TransportError
from notifications.backends.base import CallResult, ChannelEvent, NotDelivered, RealtimeCall, one_by_one
from notifications.backends.locmem import LocmemRealtime
from tests.evenings.stage import STAGE


class Mood(Enum):
    """How Pusher responds."""

    WELL = "well"
    FAILING = "failing"  # 500, and nothing is delivered
    LOSING = "losing"  # 500, but the events are delivered
    BUSY = "busy"  # 429: nothing is delivered, and the product knows that


class MoodyPusher(LocmemRealtime):
    """The locmem backend, which responds according to its mood.

    `deliver` gets each event that goes out, and `note_refusal` gets the channels of each refused call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mood = Mood.WELL
        self.deliver: Callable[[ChannelEvent], None] = lambda _event: None
        self.refused_channels: set[str] = set()
        self.note_refusal: Callable[[set[str]], None] = lambda _channels: None

    def send(self, calls: Iterable[RealtimeCall | None]) -> Iterator[CallResult]:
        """Make the calls according to the mood. Each call has two steps: Pusher gets the call, and responds."""
        return one_by_one(calls, self._answer)

    def _answer(self, call: RealtimeCall) -> None:
        self.limits.check(call)
        STAGE.step()
        if self.mood is Mood.FAILING:
            raise TransportError("500", permanent=False)
        if self.mood is Mood.BUSY:
            raise NotDelivered("429")
        if self.refused_channels & set(call.channels):
            self.refused_channels -= set(call.channels)
            self.note_refusal(set(call.channels))
            raise TransportError("400", permanent=True)
        for event in call.events:
            self.deliver(event)
        STAGE.step()
        if self.mood is Mood.LOSING:
            raise TransportError("500", permanent=False)
