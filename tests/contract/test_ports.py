"""The settings choose the backends. The accessors return one instance per process."""

from pytest_django import Settings

from notifications.backends import get_realtime
from notifications.backends.console import ConsoleRealtime
from notifications.backends.locmem import LocmemRealtime
from sessions_app.rtc import get_rtc
from sessions_app.rtc.console import ConsoleRTC
from sessions_app.rtc.locmem import LocmemRTC


def test_get_realtime_follows_the_setting(settings: Settings) -> None:
    settings.REALTIME = {"BACKEND": "notifications.backends.locmem.LocmemRealtime"}
    first = get_realtime()
    assert isinstance(first, LocmemRealtime)
    assert get_realtime() is first
    settings.REALTIME = {"BACKEND": "notifications.backends.console.ConsoleRealtime", "OPTIONS": {}}
    assert isinstance(get_realtime(), ConsoleRealtime)


def test_get_rtc_follows_the_setting(settings: Settings) -> None:
    settings.RTC = {"BACKEND": "sessions_app.rtc.locmem.LocmemRTC"}
    first = get_rtc()
    assert isinstance(first, LocmemRTC)
    assert get_rtc() is first
    settings.RTC = {"BACKEND": "sessions_app.rtc.console.ConsoleRTC", "OPTIONS": {}}
    assert isinstance(get_rtc(), ConsoleRTC)
