"""The demo fails if an event is missing, sent twice, or unknown."""

from typing import Any

import pytest

from lab.demo.expectations import AUTHORIZED, Show, count, is_complete
from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.pusher import PusherLoopback, SeenEvent

NBF = 1_790_000_000
SHOW = Show(
    goal_id="a" * 24,
    session_id="b" * 24,
    streamer_id="c" * 24,
    viewers=["d" * 24, "e" * 24],
    nbf=NBF,
    access_exp=NBF + 60,
)
EXACT = [2, 2, 3, 3, 0, 1, 0]


@pytest.fixture
def pusher() -> PusherLoopback:
    """A stand-in that has received everything that it must receive."""
    server = PusherLoopback(app_id="1", key="key", secret="secret")
    server.events = [SeenEvent(channel, name, "{}", NBF) for name, channel in SHOW.deliveries()]
    return server


@pytest.fixture
def byteplus() -> BytePlusLoopback:
    """A stand-in that has received everything that it must receive."""
    server = BytePlusLoopback(app_id="f" * 24, access_key="access", secret_key="secret")
    server.records = [{"RoomId": SHOW.session_id}]
    return server


def seen(pusher: PusherLoopback, byteplus: BytePlusLoopback) -> list[int]:
    return [each.seen for each in count(SHOW, pusher, byteplus)]


def test_everything_was_received(pusher: PusherLoopback, byteplus: BytePlusLoopback) -> None:
    counts = count(SHOW, pusher, byteplus)

    assert [(each.seen, each.is_exact) for each in counts] == [(number, True) for number in EXACT]
    assert is_complete(SHOW, pusher, byteplus)


def test_flow_sends_each_viewer_one_event_a_preset() -> None:
    channels = sorted(channel for name, channel in SHOW.deliveries() if name == AUTHORIZED)

    assert channels == [
        f"presence-stream-viewer@{'c' * 24}.preview.{'d' * 24}",
        f"presence-stream-viewer@{'c' * 24}.preview.{'e' * 24}",
        f"presence-stream-viewer@{'c' * 24}.sd.{'d' * 24}",
        f"presence-stream-viewer@{'c' * 24}.sd.{'e' * 24}",
    ]


def test_missing_event_is_counted(pusher: PusherLoopback, byteplus: BytePlusLoopback) -> None:
    pusher.events.pop()

    assert seen(pusher, byteplus) == [2, 1, 3, 3, 1, 1, 0]
    assert not is_complete(SHOW, pusher, byteplus)


def test_one_viewer_told_twice_and_another_never_is_wrong(pusher: PusherLoopback, byteplus: BytePlusLoopback) -> None:
    pusher.events[-1] = pusher.events[-2]

    assert seen(pusher, byteplus) == [2, 2, 3, 3, 2, 1, 0]


def test_unknown_event_is_counted(pusher: PusherLoopback, byteplus: BytePlusLoopback) -> None:
    pusher.events.append(SeenEvent("private-user@" + "f" * 24, "goal.updated", "{}", NBF))

    assert seen(pusher, byteplus) == [2, 2, 3, 3, 1, 1, 0]


@pytest.mark.parametrize("records", [[], [{"RoomId": "another room"}]])
def test_recording_of_the_room_is_missed(
    pusher: PusherLoopback, byteplus: BytePlusLoopback, records: list[dict[str, Any]]
) -> None:
    byteplus.records = records

    assert seen(pusher, byteplus) == [2, 2, 3, 3, 0, 0, 0]


def test_repeated_start_record_and_refusals_are_counted(pusher: PusherLoopback, byteplus: BytePlusLoopback) -> None:
    byteplus.repeated = 1
    pusher.rejected = 1

    assert seen(pusher, byteplus) == [2, 2, 3, 3, 0, 2, 1]
