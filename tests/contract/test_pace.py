"""Calls are made in order, at the pace that a vendor allows for all processes together."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

from config.libcurl import Connections
from config.vendor_calls import Answer, Failure, VendorRequest
from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.exchange import Answer as LoopbackAnswer
from lab.loopback.exchange import LoopbackRequest
from lab.loopback.pusher import PusherLoopback
from notifications.backends.base import Broadcast
from tests.contract import keys
from tests.taskqueue.clusters import eventually

PER_SECOND = 120
CALLS = 300
# A busy machine may hold up the calls of one round, but hardly those of every round.
ROUNDS = 5
# Each process makes its calls after it has read a line.
CALLER = f"""
import sys

import django

django.setup()
from sessions_app.rtc.base import StartRecord
from sessions_app.rtc.byteplus import BytePlusRTC
from tests.contract import keys

host, process = sys.argv[1:]
rtc = BytePlusRTC(
    app_id=keys.BYTEPLUS_APP_ID, access_key=keys.BYTEPLUS_ACCESS_KEY, secret_key=keys.BYTEPLUS_SECRET_KEY,
    host=host, scheme="http", region="ap-singapore-1", version="2022-06-01", storage=keys.STORAGE,
    per_second={PER_SECOND},
)
calls = [StartRecord(room_id="r", task_id=f"{{process}}-{{n:03}}", streamer_id="s") for n in range({CALLS // 2})]
for _round in range({ROUNDS}):
    print("ready", flush=True)
    if not sys.stdin.readline():
        break
    for start in range(0, len(calls), 30):
        assert all(result.error is None for result in rtc.send(calls[start : start + 30]))
"""


class Timed(BytePlusLoopback):
    """Records when each call arrives."""

    times: list[float]

    def answer(self, request: LoopbackRequest) -> LoopbackAnswer:
        self.times.append(request.at)
        return super().answer(request)


@pytest.fixture
def server() -> Iterator[Timed]:
    stand_in = Timed(
        app_id=keys.BYTEPLUS_APP_ID,
        access_key=keys.BYTEPLUS_ACCESS_KEY,
        secret_key=keys.BYTEPLUS_SECRET_KEY,
        latency=0.02,
    )
    stand_in.times = []
    with stand_in:
        yield stand_in


def test_processes_keep_the_pace_together(server: Timed, child_environment: dict[str, str]) -> None:
    command = [sys.executable, "-c", CALLER, server.address]
    environment = {**child_environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
    callers = [
        subprocess.Popen([*command, name], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    rounds = [one_round(callers, server)]
    while rounds[-1] != (0, True) and len(rounds) < ROUNDS:
        rounds.append(one_round(callers, server))
    for caller in callers:
        caller.communicate()
        assert caller.returncode == 0
    assert rounds[-1] == (0, True), rounds


def one_round(callers: Sequence[subprocess.Popen[str]], server: Timed) -> tuple[int, bool]:
    """Let both processes make their calls. Return how many came too soon, and whether the last one came in time."""
    for caller in callers:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "ready\n"
    server.times.clear()
    for caller in callers:
        assert caller.stdin is not None
        caller.stdin.write("\n")
        caller.stdin.flush()
    eventually(lambda: len(server.times) == CALLS, within=60)
    times = sorted(server.times)
    too_soon = sum(later - at < 1.0 for at, later in zip(times, times[PER_SECOND:], strict=False))
    return too_soon, times[-1] - times[0] < 1.15 * CALLS / PER_SECOND


def test_pusher_is_called_at_its_pace(pusher_server: PusherLoopback, db: None) -> None:
    pusher_server.keep_exchanges()
    pusher = keys.pusher_backend(pusher_server, per_second=50)
    calls = (Broadcast((f"c{number}",), "goal.added", "{}") for number in range(10))
    began_at = time.time()
    assert [result.error for result in pusher.send(calls)] == [None] * 10
    assert pusher_server.exchanges is not None
    # The test counts from `began_at`, because the first call may arrive late on a busy machine.
    times = sorted(request.at for request, _answer in pusher_server.exchanges)
    assert [number for number, at in enumerate(times) if at - began_at < number / 50] == []


class Slots:
    """Hands out slots, which are the times at which calls begin. There is one slot every `interval` seconds.

    A reservation gets at most five slots. `wanted` records how many slots each reservation asked for, and `given`
    records the slots that were handed out, in Unix seconds.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = 0.0
        self.wanted: list[int] = []
        self.given: list[float] = []

    def reserve(self, wanted: int) -> Sequence[float]:
        self.wanted.append(wanted)
        first = max(time.monotonic(), self._next)
        count = min(wanted, 5)
        self._next = first + count * self._interval
        slots = [first + number * self._interval for number in range(count)]
        self.given += [time.time() + slot - time.monotonic() for slot in slots]
        return slots


def send(server: Timed, slots: Slots, calls: Sequence[str], *, tries: int = 1) -> list[tuple[str, int]]:
    """Make the calls, which succeed with the status 404. Return each call and the number of its failed tries."""

    def judge(answer: Answer) -> Failure | None:
        return None if answer.status == 404 else Failure("failed")

    connections = Connections[str](
        "vendor", concurrency=4, timeout_seconds=(10, 10), tries=tries, reserve=slots.reserve
    )
    request = VendorRequest(f"http://{server.address}/", {}, method="GET")
    return [(each.call, len(each.failures)) for each in connections.send(calls, lambda _call: request, judge)]


def test_calls_wait_for_their_slots_in_order(server: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.slots.SLOT_SECONDS", 60)
    slots = Slots(0.04)
    calls = [f"call-{number:02}" for number in range(12)]
    assert [call for call, _failures in send(server, slots, calls)] == calls
    waits = [at - slot for at, slot in zip(server.times, slots.given, strict=True)]
    assert min(waits) >= 0
    assert max(waits) < 10
    assert slots.wanted == [12, 7, 2]


def test_another_try_takes_another_slot(server: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.slots.SLOT_SECONDS", 60)
    server.fail_next(status=500)
    slots = Slots(0.02)
    assert sorted(send(server, slots, ["a", "b"], tries=2)) == [("a", 0), ("b", 0)]
    assert sum(slots.wanted) == 3


def test_slots_that_were_missed_are_not_caught_up(server: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the caller is slow to take the results, the remaining calls get new slots."""
    monkeypatch.setattr("config.slots.SLOT_SECONDS", 2)
    slots = Slots(0.02)
    connections = Connections[str]("a vendor", concurrency=1, timeout_seconds=(10, 10), tries=1, reserve=slots.reserve)
    request = VendorRequest(f"http://{server.address}/", {}, method="GET")
    results = connections.send(["a", "b", "c", "d"], lambda _call: request, lambda _answer: None)
    next(results)
    time.sleep(2.1)
    assert len(list(results)) == 3
    assert slots.wanted == [4, 3]
    assert [at for at, slot in zip(server.times[1:], slots.given[4:], strict=True) if at < slot] == []
