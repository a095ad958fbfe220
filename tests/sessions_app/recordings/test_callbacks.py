"""`POST /byteplus/callback` enqueues a check for a signed callback about a recording, and refuses forged callbacks."""

import json
from typing import Any

import pytest
from pytest_django import Settings
from time_machine import Traveller

from goals.models import Goal
from lab.loopback.byteplus import BytePlusLoopback
from sessions_app.recordings.callbacks import signature
from sessions_app.recordings.tasks import check_recording
from tests.factories.client import Answer, ApiClient
from tests.factories.documents import everything_stored, queued_messages, stored
from tests.factories.moments import NOW, as_stored
from tests.factories.threads import at_once
from tests.sessions_app.studio import end, start, state, stop

PATH = "/byteplus/callback"
SECRET = "callback-secret"
APP_ID = "123456781234567812345678"
REFUSED: tuple[int, str, list[tuple[str, str]]] = (403, "permission_denied", [])


@pytest.fixture(autouse=True)
def secret(settings: Settings) -> None:
    settings.BYTEPLUS_CALLBACK_SECRET = SECRET
    settings.BYTEPLUS_APP_ID = APP_ID


def callback(show: Goal, **changes: Any) -> dict[str, Any]:
    """Return the body of a genuine callback. If there are `changes`, the callback is forged."""
    data = {"AppId": APP_ID, "RoomId": show.conditions.session_id, "TaskId": f"show-{show.pk}", "Code": 0}
    return signed({"EventData": json.dumps(data)}) | changes


def signed(fields: dict[str, Any]) -> dict[str, Any]:
    body = {
        "EventType": "RecordStarted",
        "EventData": "{}",
        "EventTime": "1970-07-01T00:00:00Z",
        "EventId": "event-1",
        "AppId": APP_ID,
        "Version": "2020-12-01",
        "Noce": "1234",
    } | fields
    return body | {"Signature": signature(list(body.values()), SECRET)}


def post(body: Any) -> Answer:
    return ApiClient().post(PATH, body)


def checks() -> list[tuple[Any, ...]]:
    return [message.args for message in queued_messages("check_recording")]


def test_signature_is_computed_as_documented() -> None:
    values = ["RecordStarted", "{}", "1970-07-01T00:00:00Z", "event-1", APP_ID, "2020-12-01", "1234"]
    # SHA-256 of the sorted values and the secret. Digits come first, then capitals, small letters and braces.
    assert signature(values, SECRET) == "10fe98cb803d3df7adf5d3f2b72088793e8479e28b347b84648bd78422984672"
    assert signature(values[::-1], SECRET) == signature(values, SECRET)


def test_callback_queues_a_check_of_the_recording(show: Goal) -> None:
    answer = post(callback(show))
    assert (answer.status, answer.body) == (200, {})
    assert checks() == [(str(show.pk),)]
    assert stored("recording_callbacks") == [{"_id": "event-1", "received_at": as_stored(NOW)}]


def test_callback_alone_does_not_change_the_recording(show: Goal, vendor: BytePlusLoopback, clock: Traveller) -> None:
    start(show)
    post(callback(show))
    assert check_recording(*checks()[0]) == "started"
    end(show, clock)
    stop(show)
    stopped = {"EventType": "RecordStopped", "EventData": callback(show)["EventData"], "EventId": "event-2"}
    post(signed(stopped))
    assert state(show)[0] == "stopped"
    assert check_recording(*checks()[1]) == "verified"
    assert vendor.seen()["actions"]["GetRecordTask"] == 2


def test_repeated_callback_does_nothing(show: Goal) -> None:
    post(callback(show))
    once = everything_stored()
    assert post(callback(show)).status == 200
    assert everything_stored() == once


def test_callbacks_at_the_same_moment_count_once(show: Goal) -> None:
    answers = at_once([lambda: post(callback(show)) for _ in range(4)])
    assert [answer.status for answer in answers] == [200] * 4
    assert checks() == [(str(show.pk),)]


def test_callback_may_spell_the_nonce_as_volcengine_does(show: Goal) -> None:
    body = callback(show)
    body["Nonce"] = body.pop("Noce")
    assert post(body).status == 200
    assert checks() == [(str(show.pk),)]


@pytest.mark.parametrize(
    "changes",
    [
        {"Signature": "0" * 64},
        {"Signature": ""},
        {"Signature": None},
        {"Signature": "\u6f14"},
        {"EventType": "RecordStopped"},
        {"EventData": "{}"},
        {"EventId": "event-2"},
        {"EventTime": "1970-07-01T00:00:01Z"},
        {"AppId": "another"},
        {"Version": "2022-06-01"},
        {"Noce": "4321"},
        {"Noce": None},
        {"EventTime": 1},
    ],
    ids=str,
)
def test_callback_that_was_changed_is_refused(show: Goal, changes: dict[str, Any]) -> None:
    before = everything_stored()
    assert post(callback(show, **changes)).problem == REFUSED
    assert everything_stored() == before


@pytest.mark.parametrize("body", [[], "text", None, 7, {}, {"Signature": "x"}], ids=str)
@pytest.mark.usefixtures("db")
def test_malformed_callback_is_refused(body: Any) -> None:
    assert post(body).problem == REFUSED


@pytest.mark.parametrize("event_id", ["", "x" * 201])
def test_callback_without_a_usable_event_id_is_refused(show: Goal, event_id: str) -> None:
    data = callback(show)["EventData"]
    assert post(signed({"EventData": data, "EventId": event_id})).problem == REFUSED


def test_without_a_secret_every_callback_is_refused(show: Goal, settings: Settings) -> None:
    settings.BYTEPLUS_CALLBACK_SECRET = ""
    body = callback(show)
    unsigned = {name: value for name, value in body.items() if name != "Signature"}
    for given in (body, body | {"Signature": signature(list(unsigned.values()), "")}):
        assert post(given).problem == REFUSED
    assert checks() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"EventType": "UserJoinRoom"},
        {"AppId": "8" * 24},
        {"EventData": "no json"},
        {"EventData": "[]"},
        {"EventData": "7"},
        {"EventData": "{}"},
        {"EventData": '{"TaskId": 7}'},
        {"EventData": '{"TaskId": "6811c05bf672c8b2cbdc2432"}'},
        {"EventData": '{"TaskId": "show-x"}'},
        {"EventData": '{"TaskId": "show-6811c05bf672c8b2cbdc2432"}'},
        {"EventData": "[" * 100_000},
    ],
    ids=lambda fields: str(fields)[:60],
)
def test_signed_callback_about_anything_else_is_ignored(show: Goal, fields: dict[str, str]) -> None:
    data = {"EventData": callback(show)["EventData"]}
    before = everything_stored()
    assert post(signed(data | fields)).status == 200
    assert everything_stored() == before


@pytest.mark.usefixtures("db")
def test_callback_must_be_a_post_request() -> None:
    assert ApiClient().get(PATH).problem == (405, "method_not_allowed", [])
