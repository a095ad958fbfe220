"""`manage.py doctor` reports on Pusher and BytePlus, which are loopback servers here."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.pusher import PusherLoopback
from taskqueue.heartbeat import beat
from tests.contract import keys
from tests.ops.doctor import LANES, doctor

pytestmark = pytest.mark.django_db

PUSHER: Any = {"app_id": keys.PUSHER_APP_ID, "key": keys.PUSHER_KEY, "secret": keys.PUSHER_SECRET}
BYTEPLUS: Any = {
    "app_id": keys.BYTEPLUS_APP_ID,
    "access_key": keys.BYTEPLUS_ACCESS_KEY,
    "secret_key": keys.BYTEPLUS_SECRET_KEY,
}


@pytest.fixture(autouse=True)
def cluster(db: None) -> None:
    """A qcluster that is alive."""
    beat("one", started_at=datetime.now(UTC), workers=LANES, deaths=0)


@pytest.fixture
def pusher(settings: Settings) -> Iterator[PusherLoopback]:
    """The realtime vendor of the deployment."""
    with PusherLoopback(**PUSHER) as server:
        options = {**PUSHER, "host": server.host, "port": server.port, "ssl": False}
        settings.REALTIME_BACKEND, settings.PUSHER = "pusher", settings.PUSHER | options
        settings.REALTIME = {"BACKEND": "notifications.backends.pusher.PusherRealtime", "OPTIONS": options}
        yield server


def test_pusher_that_takes_events_is_well(pusher: PusherLoopback) -> None:
    assert doctor() == (0, [])
    assert [(event.channel, event.name) for event in pusher.events] == [("doctor", "doctor")]


def test_pusher_that_refuses_the_keys_is_reported(pusher: PusherLoopback, settings: Settings) -> None:
    settings.REALTIME = settings.REALTIME | {"OPTIONS": settings.REALTIME["OPTIONS"] | {"secret": "another"}}

    code, lines = doctor()

    assert (code, len(lines)) == (1, 1), lines
    advice = "check PUSHER_APP_ID, PUSHER_KEY, PUSHER_SECRET and PUSHER_CLUSTER, and this host's clock"
    assert lines == [f"FAILED   pusher: Pusher broadcast: HTTP 401: {advice}."]


def test_pusher_that_is_away_is_reported(pusher: PusherLoopback, settings: Settings) -> None:
    settings.REALTIME = settings.REALTIME | {"OPTIONS": settings.REALTIME["OPTIONS"] | {"port": 1}}

    code, lines = doctor()

    assert (code, len(lines)) == (1, 1), lines
    assert re.fullmatch(r"FAILED   pusher: .*: check PUSHER_HOST, and whether this host may connect to it\.", lines[0])


@pytest.fixture
def byteplus(settings: Settings) -> Iterator[BytePlusLoopback]:
    """The RTC vendor of the deployment."""
    with BytePlusLoopback(**BYTEPLUS) as server:
        place = {"host": server.address, "scheme": "http", "region": server.region, "version": server.version}
        settings.RTC_BACKEND, settings.BYTEPLUS = "byteplus", settings.BYTEPLUS | BYTEPLUS | place
        settings.BYTEPLUS_STORAGE, settings.BYTEPLUS_CALLBACK_SECRET = keys.STORAGE, "secret"
        options = {**BYTEPLUS, **place, "storage": keys.STORAGE}
        settings.RTC = {"BACKEND": "sessions_app.rtc.byteplus.BytePlusRTC", "OPTIONS": options}
        yield server


def test_byteplus_that_takes_calls_is_well(byteplus: BytePlusLoopback) -> None:
    assert doctor() == (0, [])
    assert byteplus.counts()["actions"] == {"GetRecordTask": 1, "StartRecord": 0, "repeated": 0}


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"secret_key": "another"}, "check BYTEPLUS_APP_ID, BYTEPLUS_ACCESS_KEY, .*, and this host's clock"),
        ({"host": "127.0.0.1:1"}, "check BYTEPLUS_HOST, and whether this host may connect to it"),
    ],
    ids=["keys", "place"],
)
def test_byteplus_that_takes_no_calls_is_reported(
    change: dict[str, str], advice: str, byteplus: BytePlusLoopback, settings: Settings
) -> None:
    settings.RTC = settings.RTC | {"OPTIONS": settings.RTC["OPTIONS"] | change}

    code, lines = doctor()

    assert (code, len(lines)) == (0, 1), lines
    assert re.fullmatch(rf"warning  byteplus: .*: {advice}\. Until then no show is recorded\.", lines[0])
