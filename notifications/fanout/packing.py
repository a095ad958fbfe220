"""Packs events into as few calls as the vendor's limits allow. Reads the events lazily."""

from collections.abc import Iterable, Iterator

from notifications.backends.base import Batch, Broadcast, ChannelEvent, Limits, RealtimeCall


def pack(events: Iterable[ChannelEvent], limits: Limits) -> Iterator[RealtimeCall]:
    """Yield the calls that send each event exactly once, in order.

    If consecutive events differ only in their channels, and are more than fit into a batch, they share a broadcast.
    Other events share a batch. A batch whose events differ only in their channels is sent as a broadcast. An example:
    [("a", "goal.added", "{}"), ("b", "goal.added", "{}")] -> [Broadcast(("a", "b"), "goal.added", "{}")]
    """
    mixed: list[ChannelEvent] = []
    for run in _runs(events, limits):
        if len(run) > limits.events_per_batch:
            yield from _calls(mixed, limits)
            yield from _calls(run, limits)
            mixed = []
            continue
        mixed += run
        while len(mixed) >= limits.events_per_batch:
            yield from _calls(mixed[: limits.events_per_batch], limits)
            mixed = mixed[limits.events_per_batch :]
    yield from _calls(mixed, limits)


def _runs(events: Iterable[ChannelEvent], limits: Limits) -> Iterator[list[ChannelEvent]]:
    """Yield lists of consecutive events that one broadcast can carry."""
    run: list[ChannelEvent] = []
    channels: set[str] = set()
    for event in events:
        if run and (
            len(run) == limits.channels_per_broadcast or event.channel in channels or not _alike(event, run[0])
        ):
            yield run
            run, channels = [], set()
        run.append(event)
        channels.add(event.channel)
    if run:
        yield run


def _calls(events: list[ChannelEvent], limits: Limits) -> Iterator[RealtimeCall]:
    """Yield the call that sends the events. Yield nothing if there are no events."""
    if not events:
        return
    first, channels = events[0], tuple(dict.fromkeys(event.channel for event in events))
    is_broadcast = len(channels) == len(events) <= limits.channels_per_broadcast
    if is_broadcast and all(_alike(event, first) for event in events):
        yield Broadcast(channels, first.name, first.data)
    else:
        yield Batch(tuple(events))


def _alike(one: ChannelEvent, other: ChannelEvent) -> bool:
    return (one.name, one.data) == (other.name, other.data)
