"""What every RTC backend does."""

import dataclasses
import json

import pytest

from config.errors import TransportError
from ops.loopback.byteplus import BytePlusLoopback
from sessions_app.rtc.base import RecordRequest
from sessions_app.rtc.byteplus import BytePlusRTC, start_record_body
from sessions_app.rtc.locmem import LocmemRTC
from tests.contract import keys
from tests.contract.conftest import RTCUnderTest
from tests.vectors import load_vectors

REQUEST = RecordRequest(
    room_id="6811bfd5d273022b46570ae5", task_id="show-6811c05bf672c8b2cbdc2432", streamer_id="67ceabecc82b8fd6cf63d6d6"
)


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


def test_locmem_keeps_and_clears_what_it_started() -> None:
    locmem = LocmemRTC()
    locmem.start_record(REQUEST)
    assert locmem.started == [REQUEST]
    locmem.clear()
    assert locmem.started == []


def test_start_record_body_is_that_of_the_vendors_client() -> None:
    vector = load_vectors("start_record_request")
    request = RecordRequest(
        room_id="6811bfd5d273022b46570ae5", task_id="show-6811c05bf672c8b2cbdc2432", streamer_id="streamer-1"
    )
    storage = {"Type": 1, "VodConfig": {"AccountId": "200000000", "Space": "example-space"}}
    assert start_record_body("123456781234567812345678", request, storage) == json.loads(vector["body_utf8"])


def test_byteplus_sends_the_body(byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback) -> None:
    byteplus.start_record(REQUEST)
    byteplus.start_record(REQUEST)
    assert byteplus_server.records == [start_record_body(keys.BYTEPLUS_APP_ID, REQUEST, keys.STORAGE)]
    assert byteplus_server.seen() == {"requests": 2, "rejected": 0, "actions": {"StartRecord": 1, "repeated": 1}}
