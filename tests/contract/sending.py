"""Sends events through a backend and raises the error of a failed call."""

from collections.abc import Sequence

from notifications.backends.base import Batch, Broadcast, ChannelEvent, Realtime, RealtimeCall


def broadcast(backend: Realtime, channels: Sequence[str], name: str, data: str) -> None:
    _send(backend, Broadcast(tuple(channels), name, data))


def batch(backend: Realtime, events: Sequence[ChannelEvent]) -> None:
    _send(backend, Batch(tuple(events)))


def _send(backend: Realtime, call: RealtimeCall) -> None:
    (result,) = backend.send([call])
    if result.error is not None:
        raise result.error
