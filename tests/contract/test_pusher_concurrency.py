"""Several simultaneous calls to Pusher, from one thread and from many."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.libcurl import TRIES
from lab.loopback.pusher import PusherLoopback
from notifications.backends.base import Broadcast, CallResult
from notifications.backends.pusher import PusherRealtime
from tests.contract import keys
from tests.contract.sending import broadcast

DATA = '{"event_id": "1"}'


@pytest.fixture
def server() -> Iterator[PusherLoopback]:
    """Run a stand-in for Pusher with a latency of 0.1 s."""
    with PusherLoopback(
        app_id=keys.PUSHER_APP_ID, key=keys.PUSHER_KEY, secret=keys.PUSHER_SECRET, latency=0.1
    ) as stand_in:
        yield stand_in


def _calls(count: int, on_take: Callable[[int], object] = lambda _number: None) -> Iterator[Broadcast]:
    for number in range(count):
        on_take(number)
        yield Broadcast((f"c{number}",), "goal.added", DATA)


def test_calls_are_concurrent_up_to_the_limit(server: PusherLoopback) -> None:
    backend = keys.pusher_backend(server, concurrency=4)
    began = time.monotonic()
    taken: list[int] = []
    done: list[CallResult] = []
    at_once = 0
    for result in backend.send(_calls(12, taken.append)):
        done.append(result)
        at_once = max(at_once, len(taken) - len(done) + 1)
    assert time.monotonic() - began >= 0.3
    assert at_once == 4
    assert [result.error for result in done] == [None] * 12
    assert sorted(event.channel for event in server.events) == sorted(f"c{number}" for number in range(12))


def test_connections_are_kept(server: PusherLoopback) -> None:
    backend = keys.pusher_backend(server, concurrency=3)
    for _ in range(2):
        assert len(list(backend.send(_calls(9)))) == 9
    assert server.connections == 3


def test_call_that_hangs_does_not_hold_up_the_others(server: PusherLoopback) -> None:
    server.hang_next(seconds=5, times=1)
    backend = keys.pusher_backend(server, concurrency=2, timeout_seconds=keys.SHORT_SECONDS)
    order = [result.call.channels[0] for result in backend.send(_calls(4))]
    assert set(order) == {"c0", "c1", "c2", "c3"}
    assert order[-1] in ("c0", "c1")  # one of the first two calls is retried after its time-out
    assert server.requests == 5


def test_pause_before_a_retry_does_not_hold_up_the_others(server: PusherLoopback) -> None:
    server.fail_next(status=500, times=1)
    backend = keys.pusher_backend(server, concurrency=2)
    results = list(backend.send(_calls(3)))
    assert [result.error for result in results] == [None] * 3
    assert server.requests == 4
    assert results[-1].call.channels in (("c0",), ("c1",))  # one of the first two calls


def test_failed_call_does_not_fail_the_next(server: PusherLoopback) -> None:
    server.fail_next(status=403, times=1)
    backend = keys.pusher_backend(server, concurrency=1)
    first, second = backend.send(_calls(2))
    assert first.error is not None
    assert first.error.permanent
    assert second.error is None


def test_abandoned_send_leaves_nothing_behind(server: PusherLoopback) -> None:
    server.fail_next(status=500, times=TRIES)
    backend = keys.pusher_backend(server, concurrency=2)
    results = backend.send(_calls(20))
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert server.requests < 20

    assert [result.error for result in backend.send(_calls(3))] == [None] * 3


def test_pusher_serves_many_threads(server: PusherLoopback, caplog: pytest.LogCaptureFixture) -> None:
    pusher: PusherRealtime = keys.pusher_backend(server)
    channels = [f"c{number}" for number in range(200)]
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(lambda channel: broadcast(pusher, [channel], "goal.added", DATA), channels))
    assert sorted(event.channel for event in server.events) == sorted(channels)
    assert caplog.messages == []


def test_names_are_looked_up(server: PusherLoopback) -> None:
    backend = PusherRealtime(
        app_id=keys.PUSHER_APP_ID,
        key=keys.PUSHER_KEY,
        secret=keys.PUSHER_SECRET,
        host="localhost",
        port=server.port,
        ssl=False,
    )
    assert [result.error for result in backend.send(_calls(3))] == [None] * 3
