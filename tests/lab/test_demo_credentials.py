"""The demo verifies a viewer's credentials."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings

from lab.demo.credentials import verify_credentials
from lab.demo.expectations import SD, Show
from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.pusher import PusherLoopback, SeenEvent
from lab.stand_ins import StandIns
from sessions_app.credentials import PaidWindow, sd_credentials

NBF = 1_790_000_000
VIEWER = "d" * 24
SHOW = Show(goal_id="a" * 24, session_id="b" * 24, streamer_id="c" * 24, viewers=[VIEWER], nbf=NBF, access_exp=NBF + 60)
WINDOW = PaidWindow(
    goal_id=SHOW.goal_id, session_id=SHOW.session_id, streamer_id=SHOW.streamer_id, nbf=NBF, exp=NBF + 60
)
Data = dict[str, Any]


@pytest.fixture
def verdict(tmp_path: Path) -> Callable[[Data | None], list[bool]]:
    """Return a function that verifies credentials a second after nbf. None means that no event has arrived."""

    def verify(data: Data | None) -> list[bool]:
        pusher = PusherLoopback(app_id="1", key="key", secret="secret")
        if data is not None:
            pusher.events = [SeenEvent(SHOW.viewer_channel(SD, VIEWER), "stream.authorized", json.dumps(data), NBF)]
        stand_ins = StandIns(
            pusher=pusher,
            byteplus=BytePlusLoopback(app_id=settings.BYTEPLUS_APP_ID, access_key="access", secret_key="secret"),
            mongodb_uri="",
            database="",
            directory=tmp_path,
            secret_key="",
            stream_token_key=settings.STREAM_TOKEN_KEY,
            byteplus_app_key=settings.BYTEPLUS_APP_KEY,
        )
        with time_machine.travel(NBF + 1):
            return [each.is_right for each in verify_credentials(stand_ins, SHOW, now=NBF + 1)]

    return verify


def test_own_credentials_are_right(verdict: Callable[[Data | None], list[bool]]) -> None:
    assert verdict(sd_credentials(WINDOW, VIEWER, now=NBF)) == [True, True, True]


def test_credentials_of_another_viewer_are_wrong(verdict: Callable[[Data | None], list[bool]]) -> None:
    assert verdict(sd_credentials(WINDOW, "e" * 24, now=NBF)) == [False, False, False]


def test_second_identity_with_the_token_of_the_first_is_wrong(verdict: Callable[[Data | None], list[bool]]) -> None:
    data = sd_credentials(WINDOW, VIEWER, now=NBF)
    data["byteplus_rtc_info"]["token"] = data["byteplus_token"]

    assert verdict(data) == [True, True, False]


def test_malformed_credentials_are_wrong(verdict: Callable[[Data | None], list[bool]]) -> None:
    data = sd_credentials(WINDOW, VIEWER, now=NBF)

    assert verdict({**data, "token": "no JWT", "byteplus_token": "001"}) == [False, False, True]


def test_no_event_is_wrong(verdict: Callable[[Data | None], list[bool]]) -> None:
    assert verdict(None) == [False]
