"""The port to Pusher: what we ask of it, whoever answers."""

from collections.abc import Mapping, Sequence
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


class Realtime(Protocol):
    """What a backend can do. It raises only TransportError, and RealtimeUnconfigured where it has no keys to sign with.

    A TransportError that is neither permanent nor a NotDelivered is ambiguous: the event may have gone out.
    Every backend enforces the vendor's limits (`limits.py`) and may be called from several threads at once.
    """

    def trigger(self, channels: Sequence[str], name: str, data: str) -> None:
        """Send one event, the same JSON text, to at most 100 channels."""

    def trigger_batch(self, events: Sequence[ChannelEvent]) -> None:
        """Send at most 10 events, each with its own channel, name and data."""

    def authenticate(self, channel: str, socket_id: str, presence: Mapping[str, Any] | None) -> dict[str, str]:
        """Return Pusher's signed answer `{auth, channel_data?}` for a socket that wants to subscribe.

        `presence` is `{user_id, user_info?}` for a presence channel, else None. Whether the socket may
        subscribe is decided before: this only signs.
        """
