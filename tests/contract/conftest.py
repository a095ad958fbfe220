"""Runs each test with every backend of a port. The real backends talk to loopback servers."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.core.cache import cache

from lab.loopback.byteplus import ENDED, BytePlusLoopback
from lab.loopback.pusher import PusherLoopback
from notifications.backends.base import Realtime
from notifications.backends.console import ConsoleRealtime
from notifications.backends.locmem import LocmemRealtime
from notifications.backends.pusher import PusherRealtime
from sessions_app.rtc.base import RTC
from sessions_app.rtc.byteplus import BytePlusRTC
from sessions_app.rtc.console import ConsoleRTC
from sessions_app.rtc.locmem import LocmemRTC
from tests.contract import keys


@dataclass(frozen=True)
class RealtimeUnderTest:
    """A backend, and the events that it has sent: (channel, event name) in order."""

    backend: Realtime
    sent: Callable[[], list[tuple[str, str]]]


@dataclass(frozen=True)
class RTCUnderTest:
    """A backend, and the tasks that it has started and stopped."""

    backend: RTC
    started: Callable[[], list[str]]
    stopped: Callable[[], list[str]]


@pytest.fixture(autouse=True)
def all_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.fixture
def pusher_server() -> Iterator[PusherLoopback]:
    with PusherLoopback(app_id=keys.PUSHER_APP_ID, key=keys.PUSHER_KEY, secret=keys.PUSHER_SECRET) as server:
        yield server


@pytest.fixture
def byteplus_server() -> Iterator[BytePlusLoopback]:
    with BytePlusLoopback(
        app_id=keys.BYTEPLUS_APP_ID, access_key=keys.BYTEPLUS_ACCESS_KEY, secret_key=keys.BYTEPLUS_SECRET_KEY
    ) as server:
        yield server


@pytest.fixture
def pusher(pusher_server: PusherLoopback) -> PusherRealtime:
    return keys.pusher_backend(pusher_server)


@pytest.fixture
def byteplus(byteplus_server: BytePlusLoopback) -> BytePlusRTC:
    return keys.byteplus_backend(byteplus_server)


@pytest.fixture
def impatient_pusher(pusher_server: PusherLoopback, monkeypatch: pytest.MonkeyPatch) -> PusherRealtime:
    """A backend that soon gives up a call that hangs, and tries it again however slow the machine is."""
    monkeypatch.setattr("config.libcurl.TRIED_AGAIN_WITHIN_SECONDS", 60)
    return keys.pusher_backend(pusher_server, timeout_seconds=keys.SHORT_SECONDS)


@pytest.fixture
def impatient_byteplus(byteplus_server: BytePlusLoopback) -> BytePlusRTC:
    """A backend that soon gives up a call that hangs."""
    return keys.byteplus_backend(byteplus_server, timeout_seconds=keys.SHORT_SECONDS)


@pytest.fixture(params=["locmem", "console", "pusher"])
def realtime(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> RealtimeUnderTest:
    if request.param == "locmem":
        locmem = LocmemRealtime()
        return RealtimeUnderTest(locmem, lambda: [(event.channel, event.name) for event in locmem.outbox])
    if request.param == "console":
        caplog.set_level("INFO")
        return RealtimeUnderTest(ConsoleRealtime(), lambda: [_channel_and_name(line) for line in caplog.messages])
    server: PusherLoopback = request.getfixturevalue("pusher_server")
    return RealtimeUnderTest(
        request.getfixturevalue("pusher"), lambda: [(event.channel, event.name) for event in server.events]
    )


@pytest.fixture(params=["locmem", "console", "byteplus"])
def rtc(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> RTCUnderTest:
    if request.param == "locmem":
        locmem = LocmemRTC()
        return RTCUnderTest(
            locmem,
            started=lambda: [known.task_id for known in locmem.started],
            stopped=lambda: [known.task_id for known in locmem.stopped],
        )
    if request.param == "console":
        caplog.set_level("INFO")
        cache.clear()
        return RTCUnderTest(
            ConsoleRTC(),
            started=lambda: _logged_tasks(caplog, "StartRecord"),
            stopped=lambda: _logged_tasks(caplog, "StopRecord"),
        )
    server: BytePlusLoopback = request.getfixturevalue("byteplus_server")
    return RTCUnderTest(
        request.getfixturevalue("byteplus"),
        started=lambda: [record["TaskId"] for record in server.records],
        stopped=lambda: [task_id for (_room, task_id), task in server.tasks.items() if task["Status"] == ENDED],
    )


def _logged_tasks(caplog: pytest.LogCaptureFixture, action: str) -> list[str]:
    return [line.split("task=")[1].split()[0] for line in caplog.messages if line.startswith(action)]


def _channel_and_name(line: str) -> tuple[str, str]:
    name, _arrow, channel, *_rest = line.split()
    return channel, name
