"""Packs events into few calls: a trigger for up to 100 channels with the same event, a batch of ten where they differ.

Pure: it sends nothing and holds no more than one call's events.
"""

from collections.abc import Iterable, Iterator

from notifications.backends.base import Batch, ChannelEvent, Trigger
from notifications.backends.limits import CHANNELS_PER_TRIGGER, EVENTS_PER_BATCH


def pack(events: Iterable[ChannelEvent]) -> Iterator[Trigger | Batch]:
    """Yield the calls that send every event exactly once, in the order of the events.

    >>> list(pack([ChannelEvent("a", "goal.added", "{}"), ChannelEvent("b", "goal.added", "{}")]))
    [Trigger(channels=('a', 'b'), name='goal.added', data='{}')]
    """
    mixed: list[ChannelEvent] = []
    for run in _runs(events):
        if len(run) > EVENTS_PER_BATCH:
            yield from _calls(mixed)
            yield from _calls(run)
            mixed = []
            continue
        mixed += run
        while len(mixed) >= EVENTS_PER_BATCH:
            yield from _calls(mixed[:EVENTS_PER_BATCH])
            mixed = mixed[EVENTS_PER_BATCH:]
    yield from _calls(mixed)


def _runs(events: Iterable[ChannelEvent]) -> Iterator[list[ChannelEvent]]:
    """Yield neighbours that one trigger can carry: the same name and data, distinct channels."""
    run: list[ChannelEvent] = []
    channels: set[str] = set()
    for event in events:
        if run and not _joins(event, run[0], channels):
            yield run
            run, channels = [], set()
        run.append(event)
        channels.add(event.channel)
    if run:
        yield run


def _joins(event: ChannelEvent, first: ChannelEvent, channels: set[str]) -> bool:
    return (
        len(channels) < CHANNELS_PER_TRIGGER
        and event.channel not in channels
        and (event.name, event.data) == (first.name, first.data)
    )


def _calls(events: list[ChannelEvent]) -> Iterator[Trigger | Batch]:
    """Yield the one call for events that fit into one, or none for none."""
    if not events:
        return
    channels = tuple(dict.fromkeys(event.channel for event in events))
    first = events[0]
    alike = all((event.name, event.data) == (first.name, first.data) for event in events)
    if alike and len(channels) == len(events):
        yield Trigger(channels, first.name, first.data)
    else:
        yield Batch(tuple(events))
