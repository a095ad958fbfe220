"""Every RTC backend behaves in the same way."""

import dataclasses
import json

import pytest

from config.errors import TransportError
from lab.loopback.byteplus import BytePlusLoopback
from sessions_app.rtc.base import GetRecordTask, RecordStatus, RecordTask, RTCCall, StartRecord, StopRecord, name_of
from sessions_app.rtc.bodies import start_record_body
from sessions_app.rtc.byteplus import BytePlusRTC
from sessions_app.rtc.locmem import LocmemRTC
from tests.contract import keys
from tests.contract.conftest import RTCUnderTest
from tests.contract.recording import call, get_task
from tests.vectors import load_vectors

START = StartRecord(
    room_id="6811bfd5d273022b46570ae5", task_id="show-6811c05bf672c8b2cbdc2432", streamer_id="67ceabecc82b8fd6cf63d6d6"
)
STOP = StopRecord(room_id=START.room_id, task_id=START.task_id)
GET = GetRecordTask(room_id=START.room_id, task_id=START.task_id)


def test_rtc_starts_a_recording(rtc: RTCUnderTest) -> None:
    call(rtc.backend, START)
    assert rtc.started() == [START.task_id]


@pytest.mark.parametrize("rtc", ["locmem", "byteplus"], indirect=True)
def test_rtc_starts_a_recording_once(rtc: RTCUnderTest) -> None:
    call(rtc.backend, START)
    call(rtc.backend, START)
    call(rtc.backend, dataclasses.replace(START, task_id="show-2"))
    assert rtc.started() == [START.task_id, "show-2"]


@pytest.mark.parametrize("field", ["room_id", "task_id", "streamer_id"])
@pytest.mark.parametrize("value", ["", "a b", "a/b", "x" * 129, "x\n"])
def test_rtc_refuses_an_id_that_the_vendor_refuses(rtc: RTCUnderTest, field: str, value: str) -> None:
    with pytest.raises(TransportError) as caught:
        call(rtc.backend, dataclasses.replace(START, **{field: value}))
    assert caught.value.permanent
    assert field in str(caught.value)
    assert rtc.started() == []


def test_rtc_tells_the_life_of_a_recording(rtc: RTCUnderTest) -> None:
    told = [get_task(rtc.backend, GET)]
    call(rtc.backend, START)
    told.append(get_task(rtc.backend, GET))
    call(rtc.backend, STOP)
    told.append(get_task(rtc.backend, GET))
    assert [(task.status, task.stop_reason) for task in told] == [
        (RecordStatus.UNKNOWN, ""),
        (RecordStatus.RUNNING, ""),
        (RecordStatus.ENDED, "StopByAPI"),
    ]
    assert (rtc.started(), rtc.stopped()) == ([START.task_id], [START.task_id])


def test_rtc_stops_a_recording_that_is_over_as_if_it_ran(rtc: RTCUnderTest) -> None:
    call(rtc.backend, START)
    call(rtc.backend, STOP)
    call(rtc.backend, STOP)
    assert get_task(rtc.backend, GET).status == RecordStatus.ENDED


def test_rtc_stops_a_recording_that_never_ran(rtc: RTCUnderTest) -> None:
    call(rtc.backend, STOP)
    assert get_task(rtc.backend, GET).status == RecordStatus.UNKNOWN
    assert rtc.started() == []


def test_rtc_knows_a_recording_by_room_and_task(rtc: RTCUnderTest) -> None:
    call(rtc.backend, START)
    others = [{"room_id": "another-room"}, {"task_id": "show-2"}]
    for other in others:
        call(rtc.backend, dataclasses.replace(STOP, **other))
    assert [get_task(rtc.backend, dataclasses.replace(GET, **name)).status for name in ({}, *others)] == [
        RecordStatus.RUNNING,
        RecordStatus.UNKNOWN,
        RecordStatus.UNKNOWN,
    ]


def test_rtc_starts_again_what_has_ended(rtc: RTCUnderTest) -> None:
    call(rtc.backend, START)
    call(rtc.backend, STOP)
    call(rtc.backend, START)
    assert get_task(rtc.backend, GET).status == RecordStatus.RUNNING


@pytest.mark.parametrize("asked", [StopRecord, GetRecordTask])
@pytest.mark.parametrize("field", ["room_id", "task_id"])
def test_rtc_refuses_to_ask_about_an_id_that_the_vendor_refuses(
    rtc: RTCUnderTest, asked: type[RTCCall], field: str
) -> None:
    with pytest.raises(TransportError) as caught:
        call(rtc.backend, asked(**{"room_id": START.room_id, "task_id": START.task_id, field: "a b"}))
    assert caught.value.permanent
    assert field in str(caught.value)


def test_rtc_makes_many_calls_and_answers_each(rtc: RTCUnderTest) -> None:
    starts = [dataclasses.replace(START, task_id=f"show-{number}") for number in range(40)]
    refused = dataclasses.replace(START, task_id="a b")
    asked: list[RTCCall] = [*starts[:20], refused, dataclasses.replace(GET, task_id="show-99"), *starts[20:]]
    results = {result.call: result for result in rtc.backend.send(asked)}
    assert set(results) == set(asked)
    assert [each for each in asked if results[each].error] == [refused]
    assert {each: results[each].task for each in asked if results[each].task} == {
        asked[21]: RecordTask(RecordStatus.UNKNOWN)
    }
    assert sorted(rtc.started()) == sorted(start.task_id for start in starts)


def test_rtc_makes_no_call_of_none(rtc: RTCUnderTest) -> None:
    assert list(rtc.backend.send([])) == []


def test_locmem_keeps_and_clears_what_it_started() -> None:
    locmem = LocmemRTC()
    call(locmem, START)
    call(locmem, STOP)
    assert (locmem.started, locmem.stopped, list(locmem.tasks)) == ([START], [STOP], [name_of(START)])
    locmem.clear()
    assert (locmem.started, locmem.stopped, locmem.tasks) == ([], [], {})


def test_start_record_body_is_that_of_the_vendors_client() -> None:
    vector = load_vectors("start_record_request")
    started = StartRecord(
        room_id="6811bfd5d273022b46570ae5", task_id="show-6811c05bf672c8b2cbdc2432", streamer_id="streamer-1"
    )
    storage = {"Type": 1, "VodConfig": {"AccountId": "200000000", "Space": "example-space"}}
    assert start_record_body("123456781234567812345678", started, storage) == json.loads(vector["body_utf8"])


def test_start_record_body_takes_what_differs_from_the_defaults() -> None:
    recording = {"Encode": {"VideoWidth": 1920, "VideoHeight": 1080}, "Control": {"MaxIdleTime": 600}}
    usual = start_record_body(keys.BYTEPLUS_APP_ID, START, {})
    assert start_record_body(keys.BYTEPLUS_APP_ID, START, {}, recording) == usual | {
        "Encode": {"VideoWidth": 1920, "VideoHeight": 1080, "VideoFps": 30, "VideoBitrate": 2000},
        "Control": {"MediaType": 0, "FrameInterpolationMode": 0, "MaxIdleTime": 600, "MaxRecordTime": 0},
    }
    assert usual["StorageConfig"] == {"Type": 0}


def test_byteplus_counts_what_it_was_asked(byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback) -> None:
    call(byteplus, START)
    call(byteplus, GET)
    call(byteplus, STOP)
    call(byteplus, STOP)
    asked = {"StartRecord": 1, "repeated": 0, "GetRecordTask": 1, "StopRecord": 1, "idle": 1}
    assert byteplus_server.seen() == {"requests": 4, "rejected": 0, "actions": asked}


def test_byteplus_sends_the_body(byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback) -> None:
    call(byteplus, START)
    call(byteplus, START)
    assert byteplus_server.records == [start_record_body(keys.BYTEPLUS_APP_ID, START, keys.STORAGE)]
    assert byteplus_server.seen() == {"requests": 2, "rejected": 0, "actions": {"StartRecord": 1, "repeated": 1}}
