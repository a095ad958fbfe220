"""The planner: every event once, in order, within Pusher's limits, in few calls."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from notifications.backends.base import Batch, ChannelEvent, Trigger
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
# Long runs of one event, short ones between them.
RUNS = st.lists(st.tuples(st.sampled_from(["{}", "[]"]), st.integers(1, 230)), max_size=8)


def test_pack_sends_nothing_for_nothing() -> None:
    assert list(pack([])) == []


def test_pack_sends_three_channels_in_one_trigger() -> None:
    events = [ChannelEvent(channel, "goal.added", "{}") for channel in ("a", "b", "c")]
    assert list(pack(events)) == [Trigger(("a", "b", "c"), "goal.added", "{}")]


def test_pack_sends_a_hundred_channels_a_trigger() -> None:
    channels = [f"presence-stream-viewer@s.preview.{number}" for number in range(250)]
    calls = list(pack(ChannelEvent(channel, "stream.authorized", "{}") for channel in channels))
    assert calls == [
        Trigger(tuple(channels[:100]), "stream.authorized", "{}"),
        Trigger(tuple(channels[100:200]), "stream.authorized", "{}"),
        Trigger(tuple(channels[200:]), "stream.authorized", "{}"),
    ]


def test_pack_sends_ten_different_events_a_batch() -> None:
    events = [ChannelEvent(f"c{number}", "stream.authorized", f"[{number}]") for number in range(25)]
    assert list(pack(events)) == [Batch(tuple(events[:10])), Batch(tuple(events[10:20])), Batch(tuple(events[20:]))]


def test_pack_repeats_an_event_for_a_repeated_channel() -> None:
    event = ChannelEvent("a", "goal.added", "{}")
    assert list(pack([event, event])) == [Batch((event, event))]


def test_pack_keeps_order_around_a_long_run() -> None:
    single = ChannelEvent("z", "goal.started", "{}")
    run = [ChannelEvent(f"c{number}", "goal.added", "{}") for number in range(20)]
    assert list(pack([single, *run])) == [
        Trigger(("z",), "goal.started", "{}"),
        Trigger(tuple(event.channel for event in run), "goal.added", "{}"),
    ]


def test_pack_reads_no_further_than_one_call() -> None:
    taken: list[int] = []

    def numbered() -> Iterator[ChannelEvent]:
        for number in range(1000):
            taken.append(number)
            yield ChannelEvent(f"c{number}", "stream.authorized", f"[{number}]")

    next(pack(numbered()))
    assert len(taken) == 11


@given(EVENTS)
def test_pack_sends_every_event_exactly_once_in_order(events: list[ChannelEvent]) -> None:
    assert [event for call in pack(events) for event in _events(call)] == events


@given(EVENTS)
def test_pack_keeps_the_limits(events: list[ChannelEvent]) -> None:
    for call in pack(events):
        _assert_within_limits(call)


@given(RUNS)
def test_pack_packs_long_runs_into_full_triggers(runs: list[tuple[str, int]]) -> None:
    events = [
        ChannelEvent(f"c{index}-{number}", "goal.added", data)
        for index, (data, length) in enumerate(runs)
        for number in range(length)
    ]
    calls = list(pack(events))
    assert [event for call in calls for event in _events(call)] == events
    for call in calls:
        _assert_within_limits(call)
    assert len(calls) <= sum(-(-length // 100) for _data, length in runs)


def _events(call: Trigger | Batch) -> list[ChannelEvent]:
    if isinstance(call, Trigger):
        return [ChannelEvent(channel, call.name, call.data) for channel in call.channels]
    return list(call.events)


def _assert_within_limits(call: Trigger | Batch) -> None:
    if isinstance(call, Trigger):
        assert 1 <= len(call.channels) <= 100
        assert len(set(call.channels)) == len(call.channels)
    else:
        assert 1 <= len(call.events) <= 10
