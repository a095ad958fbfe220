"""`pack` makes few calls that send every event once, in order and within the vendor's limits."""

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from notifications.backends.base import Batch, Broadcast, ChannelEvent, Limits, RealtimeCall
from notifications.backends.pusher_rules import LIMITS
from notifications.fanout.packing import pack

EVENTS = st.lists(
    st.builds(
        ChannelEvent,
        channel=st.sampled_from([f"private-user@{number}" for number in range(30)]),
        name=st.sampled_from(["goal.added", "goal.started"]),
        data=st.sampled_from(['{"event_id": 1}', '{"event_id": 2}']),
    ),
    max_size=60,
)
ANY_LIMITS = st.one_of(
    st.just(LIMITS),
    st.builds(
        lambda channels, events: replace(LIMITS, channels_per_broadcast=channels, events_per_batch=events),
        st.integers(1, 20),
        st.integers(1, 20),
    ),
)
# Long and short runs of equal events.
RUNS = st.lists(st.tuples(st.sampled_from(["{}", "[]"]), st.integers(1, 230)), max_size=8)


def test_pack_makes_no_call_without_events() -> None:
    assert list(pack([], LIMITS)) == []


def test_pack_sends_three_channels_in_one_broadcast() -> None:
    events = [ChannelEvent(channel, "goal.added", "{}") for channel in ("a", "b", "c")]
    assert list(pack(events, LIMITS)) == [Broadcast(("a", "b", "c"), "goal.added", "{}")]


def test_pack_sends_a_hundred_channels_a_broadcast() -> None:
    channels = [f"presence-stream-viewer@s.preview.{number}" for number in range(250)]
    events = [ChannelEvent(channel, "stream.authorized", "{}") for channel in channels]
    assert list(pack(events, LIMITS)) == [
        Broadcast(tuple(channels[:100]), "stream.authorized", "{}"),
        Broadcast(tuple(channels[100:200]), "stream.authorized", "{}"),
        Broadcast(tuple(channels[200:]), "stream.authorized", "{}"),
    ]


def test_pack_sends_ten_different_events_a_batch() -> None:
    events = [ChannelEvent(f"c{number}", "stream.authorized", f"[{number}]") for number in range(25)]
    batches = [Batch(tuple(events[:10])), Batch(tuple(events[10:20])), Batch(tuple(events[20:]))]
    assert list(pack(events, LIMITS)) == batches


def test_pack_repeats_an_event_for_a_repeated_channel() -> None:
    event = ChannelEvent("a", "goal.added", "{}")
    assert list(pack([event, event], LIMITS)) == [Batch((event, event))]


def test_pack_keeps_order_around_a_long_run() -> None:
    single = ChannelEvent("z", "goal.started", "{}")
    run = [ChannelEvent(f"c{number}", "goal.added", "{}") for number in range(20)]
    assert list(pack([single, *run], LIMITS)) == [
        Broadcast(("z",), "goal.started", "{}"),
        Broadcast(tuple(event.channel for event in run), "goal.added", "{}"),
    ]


def test_pack_reads_no_further_than_one_call() -> None:
    taken: list[int] = []

    def numbered() -> Iterator[ChannelEvent]:
        for number in range(1000):
            taken.append(number)
            yield ChannelEvent(f"c{number}", "stream.authorized", f"[{number}]")

    next(pack(numbered(), LIMITS))
    assert len(taken) == 11


@given(EVENTS, ANY_LIMITS)
def test_pack_sends_every_event_exactly_once_in_order(events: list[ChannelEvent], limits: Limits) -> None:
    assert [event for call in pack(events, limits) for event in call.events] == events


@given(EVENTS, ANY_LIMITS)
def test_pack_keeps_the_limits(events: list[ChannelEvent], limits: Limits) -> None:
    for call in pack(events, limits):
        _assert_within_limits(call, limits)


@given(RUNS, ANY_LIMITS)
def test_pack_packs_long_runs_into_full_broadcasts(runs: list[tuple[str, int]], limits: Limits) -> None:
    events = [
        ChannelEvent(f"c{index}-{number}", "goal.added", data)
        for index, (data, length) in enumerate(runs)
        for number in range(length)
    ]
    calls = list(pack(events, limits))
    assert [event for call in calls for event in call.events] == events
    for call in calls:
        _assert_within_limits(call, limits)
    if limits.channels_per_broadcast >= limits.events_per_batch:
        assert len(calls) <= sum(-(-length // limits.channels_per_broadcast) for _data, length in runs)


def _assert_within_limits(call: RealtimeCall, limits: Limits) -> None:
    if isinstance(call, Broadcast):
        assert 1 <= len(call.channels) <= limits.channels_per_broadcast
        assert len(set(call.channels)) == len(call.channels)
    else:
        assert 1 <= len(call.events) <= limits.events_per_batch
