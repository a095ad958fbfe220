"""The port to a vendor of realtime events: the calls that it takes, their results, and the vendor's limits."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError, TransportError


class RealtimeUnconfigured(ProductError):
    """The server has no keys of a realtime vendor, so clients can't connect."""

    code = "realtime_unconfigured"
    status = 503
    detail = _("Realtime events are not configured on this server.")


class NotDelivered(TransportError):
    """A temporary failure after which it is certain that nobody got the event.

    For example, there was no connection, or the vendor refused the call because there were too many.
    """

    def __init__(self, detail: str = "", *, limited: bool = False) -> None:
        super().__init__(detail, permanent=False, limited=limited)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What a client's library needs to connect to the vendor."""

    key: str
    cluster: str
    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class ChannelEvent:
    """One event for one channel. `data` is JSON text."""

    channel: str
    name: str
    data: str

    @property
    def size(self) -> int:
        """Return the size of the data in bytes of UTF-8."""
        return len(self.data.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One call that sends the same event once to each of several channels."""

    channels: tuple[str, ...]
    name: str
    data: str

    @property
    def events(self) -> tuple[ChannelEvent, ...]:
        """Return an event for each channel."""
        return tuple(ChannelEvent(channel, self.name, self.data) for channel in self.channels)


@dataclass(frozen=True, slots=True)
class Batch:
    """One call that sends several events, each with a channel, name and data of its own."""

    events: tuple[ChannelEvent, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Return the channels of the events, in order."""
        return tuple(event.channel for event in self.events)


RealtimeCall = Broadcast | Batch


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of one call. If there is no error, the vendor has acknowledged the call."""

    call: RealtimeCall
    error: TransportError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one call. The whole name of a channel must match `channel_pattern`."""

    channels_per_broadcast: int
    events_per_batch: int
    event_bytes: int
    event_name_characters: int
    channel_characters: int
    channel_pattern: re.Pattern[str]

    def check(self, call: RealtimeCall) -> None:
        """Raise a permanent TransportError if the vendor would refuse the call."""
        match call:
            case Broadcast(channels, name, data):
                _check_count("channels in a broadcast", len(channels), self.channels_per_broadcast)
                self._check_event(ChannelEvent(channels[0], name, data))
            case Batch(events):
                _check_count("events in a batch", len(events), self.events_per_batch)
                for event in events:
                    self._check_event(event)
        for channel in call.channels:
            self.check_channel(channel)

    def check_channel(self, channel: str) -> None:
        """Raise a permanent TransportError if the vendor would refuse the channel's name."""
        if len(channel) > self.channel_characters:
            raise refused(channel, f"the channel's name is longer than {self.channel_characters} characters")
        if not self.channel_pattern.fullmatch(channel):
            raise refused(channel, "the vendor does not allow this channel name")

    def _check_event(self, event: ChannelEvent) -> None:
        if not 0 < len(event.name) <= self.event_name_characters:
            raise refused(event.channel, f"an event's name has 1 to {self.event_name_characters} characters")
        if event.size > self.event_bytes:
            reason = f"the data of {event.name} has {event.size} bytes, {self.event_bytes} are allowed"
            raise refused(event.channel, reason)


class Realtime(Protocol):
    """The interface of a backend. Several threads may call it at once.

    A backend raises only TransportError, RealtimeUnconfigured if it has no keys, and pymongo's errors if it limits its
    rate with the help of MongoDB. A TransportError that is neither permanent nor a NotDelivered is ambiguous: the event
    may have gone out.
    """

    @property
    def limits(self) -> Limits:
        """Return the limits of a call. `send` refuses a call that exceeds them."""

    def send(self, calls: Iterable[RealtimeCall | None]) -> Iterator[CallResult]:
        """Make the calls and yield the result of each, in any order. A call is taken from `calls` when it is made.

        A None among the calls means that there is no call to make just now. The backend then waits for a call that is
        under way before it takes the next call. So `calls` may yield None only while a call is under way.
        """

    def client_options(self) -> ClientOptions:
        """Return what clients need to connect."""

    def authenticate(self, channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> dict[str, str]:
        """Return the signed body `{auth, channel_data?}` for a socket that subscribes to the channel.

        `presence` is `{user_id, user_info?}` for a presence channel, else None. The caller has already decided that
        the socket may subscribe.
        """


def one_by_one(calls: Iterable[RealtimeCall | None], send_one: Callable[[RealtimeCall], None]) -> Iterator[CallResult]:
    """Make the calls one after the other with `send_one`, and yield the result of each.

    A TransportError that `send_one` raises becomes the `error` of the result.
    """
    for call in calls:
        if call is None:
            continue
        error = None
        try:
            send_one(call)
        except TransportError as caught:
            error = caught.with_traceback(None)  # the frames of the traceback hold the payload
        yield CallResult(call, error)


def refused(channel: str, reason: str) -> TransportError:
    """Return the error for a request that was not made, because the vendor would refuse it."""
    # ascii() keeps line breaks and control characters of a bad name out of the log.
    return TransportError(f"Not sent: {reason}.", permanent=True, channel=ascii(channel[:200]))


def _check_count(what: str, count: int, most: int) -> None:
    if not 0 < count <= most:
        raise TransportError(f"Not sent: the vendor takes 1 to {most} {what}, not {count}.", permanent=True)
