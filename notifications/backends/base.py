"""The port to Pusher: what we ask of it, whoever answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError, TransportError


class RealtimeUnconfigured(ProductError):
    """There are no Pusher keys to sign a channel authorisation with."""

    code = "realtime_unconfigured"
    status = 503
    detail = _("Realtime events are not configured on this server.")


class NotDelivered(TransportError):
    """A transient failure after which it is certain that nobody got the event: no connection, or too many calls."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, permanent=False)


@dataclass(frozen=True, slots=True)
class ChannelEvent:
    """One event for one channel. `data` is JSON text."""

    channel: str
    name: str
    data: str

    @property
    def size(self) -> int:
        """Bytes of the data in UTF-8: what Pusher counts."""
        return len(self.data.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Trigger:
    """One call: the same event for up to 100 channels, each once."""

    channels: tuple[str, ...]
    name: str
    data: str


@dataclass(frozen=True, slots=True)
class Batch:
    """One call: up to ten events that differ."""

    events: tuple[ChannelEvent, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of the events, in order."""
        return tuple(event.channel for event in self.events)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call: no error means that it was acknowledged."""

    call: Trigger | Batch
    error: TransportError | None


class Realtime(Protocol):
    """What a backend can do. It raises only TransportError, and RealtimeUnconfigured where it has no keys to sign with.

    A TransportError that is neither permanent nor a NotDelivered is ambiguous: the event may have gone out.
    Every backend enforces the vendor's limits (`limits.py`) and may be called from several threads at once.
    """

    def trigger(self, channels: Sequence[str], name: str, data: str) -> None:
        """Send one event, the same JSON text, to at most 100 channels."""

    def trigger_batch(self, events: Sequence[ChannelEvent]) -> None:
        """Send at most 10 events, each with its own channel, name and data."""

    def send(self, calls: Iterable[Trigger | Batch]) -> Iterator[Outcome]:
        """Make the calls, and yield what became of each. A call is taken when its turn has come, not before."""

    def authenticate(self, channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> dict[str, str]:
        """Return Pusher's signed answer `{auth, channel_data?}` for a socket that wants to subscribe.

        `presence` is `{user_id, user_info?}` for a presence channel, else None. Whether the socket may
        subscribe is decided before: this only signs.
        """


def one_by_one(realtime: Realtime, calls: Iterable[Trigger | Batch]) -> Iterator[Outcome]:
    """Do what `send` does with `trigger` and `trigger_batch`."""
    for call in calls:
        error = None
        try:
            match call:
                case Trigger(channels, name, data):
                    realtime.trigger(channels, name, data)
                case Batch(events):
                    realtime.trigger_batch(events)
        except TransportError as caught:
            error = caught.with_traceback(None)  # whose frames hold the payload
        yield Outcome(call, error)
