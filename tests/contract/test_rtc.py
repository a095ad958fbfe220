"""Every RTC backend behaves alike."""

import dataclasses
import json

import pytest

from config.errors import TransportError
from lab.loopback.byteplus import BytePlusLoopback
from sessions_app.rtc.base import RecordRequest, RecordStatus, StopRequest
from sessions_app.rtc.bodies import start_record_body
from sessions_app.rtc.byteplus import BytePlusRTC
from sessions_app.rtc.locmem import LocmemRTC
from tests.contract import keys
from tests.contract.conftest import RTCUnderTest
from tests.vectors import load_vectors

REQUEST = RecordRequest(
    room_id="6811bfd5d273022b46570ae5", task_id="show-6811c05bf672c8b2cbdc2432", streamer_id="67ceabecc82b8fd6cf63d6d6"
)
NAME = StopRequest(room_id=REQUEST.room_id, task_id=REQUEST.task_id)


def test_rtc_starts_a_recording(rtc: RTCUnderTest) -> None:
    rtc.backend.start_record(REQUEST)
    assert rtc.started() == [REQUEST.task_id]


@pytest.mark.parametrize("rtc", ["locmem", "byteplus"], indirect=True)
def test_rtc_starts_a_recording_once(rtc: RTCUnderTest) -> None:
    rtc.backend.start_record(REQUEST)
    rtc.backend.start_record(REQUEST)
    rtc.backend.start_record(dataclasses.replace(REQUEST, task_id="show-2"))
    assert rtc.started() == [REQUEST.task_id, "show-2"]


@pytest.mark.parametrize("field", ["room_id", "task_id", "streamer_id"])
@pytest.mark.parametrize("value", ["", "a b", "a/b", "x" * 129, "x\n"])
def test_rtc_refuses_an_id_that_the_vendor_refuses(rtc: RTCUnderTest, field: str, value: str) -> None:
    with pytest.raises(TransportError) as caught:
        rtc.backend.start_record(dataclasses.replace(REQUEST, **{field: value}))
    assert caught.value.permanent
    assert field in str(caught.value)
    assert rtc.started() == []


def test_rtc_tells_the_life_of_a_recording(rtc: RTCUnderTest) -> None:
    told = [rtc.backend.get_record_task(NAME)]
    rtc.backend.start_record(REQUEST)
    told.append(rtc.backend.get_record_task(NAME))
    rtc.backend.stop_record(NAME)
    told.append(rtc.backend.get_record_task(NAME))
    assert [(task.status, task.stop_reason) for task in told] == [
        (RecordStatus.UNKNOWN, ""),
        (RecordStatus.RUNNING, ""),
        (RecordStatus.ENDED, "StopByAPI"),
    ]
    assert (rtc.started(), rtc.stopped()) == ([REQUEST.task_id], [REQUEST.task_id])


def test_rtc_stops_a_recording_that_is_over_as_if_it_ran(rtc: RTCUnderTest) -> None:
    rtc.backend.start_record(REQUEST)
    rtc.backend.stop_record(NAME)
    rtc.backend.stop_record(NAME)
    assert rtc.backend.get_record_task(NAME).status == RecordStatus.ENDED


def test_rtc_stops_a_recording_that_never_ran(rtc: RTCUnderTest) -> None:
    rtc.backend.stop_record(NAME)
    assert rtc.backend.get_record_task(NAME).status == RecordStatus.UNKNOWN
    assert rtc.started() == []


def test_rtc_knows_a_recording_by_room_and_task(rtc: RTCUnderTest) -> None:
    rtc.backend.start_record(REQUEST)
    others = [dataclasses.replace(NAME, room_id="another-room"), dataclasses.replace(NAME, task_id="show-2")]
    for other in others:
        rtc.backend.stop_record(other)
    assert [rtc.backend.get_record_task(name).status for name in (NAME, *others)] == [
        RecordStatus.RUNNING,
        RecordStatus.UNKNOWN,
        RecordStatus.UNKNOWN,
    ]


def test_rtc_starts_again_what_has_ended(rtc: RTCUnderTest) -> None:
    rtc.backend.start_record(REQUEST)
    rtc.backend.stop_record(NAME)
    rtc.backend.start_record(REQUEST)
    assert rtc.backend.get_record_task(NAME).status == RecordStatus.RUNNING


@pytest.mark.parametrize("action", ["stop_record", "get_record_task"])
@pytest.mark.parametrize("field", ["room_id", "task_id"])
def test_rtc_refuses_to_ask_about_an_id_that_the_vendor_refuses(rtc: RTCUnderTest, action: str, field: str) -> None:
    with pytest.raises(TransportError) as caught:
        getattr(rtc.backend, action)(dataclasses.replace(NAME, **{field: "a b"}))
    assert caught.value.permanent
    assert field in str(caught.value)


def test_locmem_keeps_and_clears_what_it_started() -> None:
    locmem = LocmemRTC()
    locmem.start_record(REQUEST)
    locmem.stop_record(NAME)
    assert (locmem.started, locmem.stopped, list(locmem.tasks)) == ([REQUEST], [NAME], [NAME])
    locmem.clear()
    assert (locmem.started, locmem.stopped, locmem.tasks) == ([], [], {})


def test_start_record_body_is_that_of_the_vendors_client() -> None:
    vector = load_vectors("start_record_request")
    request = RecordRequest(
        room_id="6811bfd5d273022b46570ae5", task_id="show-6811c05bf672c8b2cbdc2432", streamer_id="streamer-1"
    )
    storage = {"Type": 1, "VodConfig": {"AccountId": "200000000", "Space": "example-space"}}
    assert start_record_body("123456781234567812345678", request, storage) == json.loads(vector["body_utf8"])


def test_start_record_body_takes_what_differs_from_the_defaults() -> None:
    recording = {"Encode": {"VideoWidth": 1920, "VideoHeight": 1080}, "Control": {"MaxIdleTime": 600}}
    usual = start_record_body(keys.BYTEPLUS_APP_ID, REQUEST, {})
    assert start_record_body(keys.BYTEPLUS_APP_ID, REQUEST, {}, recording) == usual | {
        "Encode": {"VideoWidth": 1920, "VideoHeight": 1080, "VideoFps": 30, "VideoBitrate": 2000},
        "Control": {"MediaType": 0, "FrameInterpolationMode": 0, "MaxIdleTime": 600, "MaxRecordTime": 0},
    }
    assert usual["StorageConfig"] == {"Type": 0}


def test_byteplus_counts_what_it_was_asked(byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback) -> None:
    byteplus.start_record(REQUEST)
    byteplus.get_record_task(NAME)
    byteplus.stop_record(NAME)
    byteplus.stop_record(NAME)
    asked = {"StartRecord": 1, "repeated": 0, "GetRecordTask": 1, "StopRecord": 1, "idle": 1}
    assert byteplus_server.seen() == {"requests": 4, "rejected": 0, "actions": asked}


def test_byteplus_sends_the_body(byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback) -> None:
    byteplus.start_record(REQUEST)
    byteplus.start_record(REQUEST)
    assert byteplus_server.records == [start_record_body(keys.BYTEPLUS_APP_ID, REQUEST, keys.STORAGE)]
    assert byteplus_server.seen() == {"requests": 2, "rejected": 0, "actions": {"StartRecord": 1, "repeated": 1}}
