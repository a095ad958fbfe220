"""Only the documented fields of GetRecordTask's response are read."""

import json
from typing import Any

import pytest

from sessions_app.rtc.answers import MAX_FILES, outcome, record_task
from sessions_app.rtc.base import RecordedFile, RecordStatus, RecordTask

TASK: dict[str, Any] = {
    "StartTime": 1624873773000,
    "EndTime": 1624874235000,
    "Status": 3,
    "StopReason": "StopByAPI",
    "RecordFileList": [
        {"Vid": "v0001", "ObjectKey": "shows/a b.mp4", "Duration": 457280, "Size": 30388433, "StreamList": [{}]},
        {"Vid": "", "Duration": 1, "VideoCodec": "H264"},
    ],
    "StorageConfig": {"CustomConfig": {"SecretKey": "LEAKED"}},
}


def test_record_task_keeps_the_whitelist() -> None:
    assert record_task({"RecordTask": TASK}) == RecordTask(
        status=RecordStatus.ENDED,
        stop_reason="StopByAPI",
        files=(
            RecordedFile(vid="v0001", object_key="shows/a b.mp4", duration_ms=457280, size_bytes=30388433),
            RecordedFile(duration_ms=1),
        ),
    )


@pytest.mark.parametrize("status", list(RecordStatus))
def test_record_task_knows_each_status(status: RecordStatus) -> None:
    assert record_task({"RecordTask": {"Status": status.value}}) == RecordTask(status)


@pytest.mark.parametrize("result", [None, {}, {"RecordTask": None}])
def test_record_task_that_is_missing_is_unknown(result: Any) -> None:
    assert record_task(result) == RecordTask(RecordStatus.UNKNOWN)


@pytest.mark.parametrize("status", [True, 2.0, "2", -1, 5, None, [2]])
def test_record_task_of_no_status_is_no_answer(status: Any) -> None:
    assert record_task({"RecordTask": {"Status": status}}) is None


@pytest.mark.parametrize(
    "file",
    [
        {"Vid": 7, "ObjectKey": ["x"], "Duration": "1", "Size": True},
        {"Vid": "a b", "ObjectKey": "x\ny", "Duration": -1, "Size": 2**63},
        {"Vid": "x" * 129, "ObjectKey": "x" * 1025, "Duration": 1.5, "Size": None},
    ],
)
def test_field_that_is_not_as_documented_is_left_out(file: dict[str, Any]) -> None:
    task = TASK | {"RecordFileList": [file, "no file"], "StopReason": "LEAKED ANSWER"}
    assert record_task({"RecordTask": task}) == RecordTask(RecordStatus.ENDED, files=(RecordedFile(),))


def test_files_are_limited() -> None:
    task = record_task({"RecordTask": TASK | {"RecordFileList": [{}] * 1000}})
    assert task is not None
    assert len(task.files) == MAX_FILES


def test_outcome_of_a_deep_answer_is_unreadable() -> None:
    assert outcome(200, b"[" * 100_000) == (0, "unreadable answer", None)


def test_outcome_holds_the_result() -> None:
    body = json.dumps({"ResponseMetadata": {}, "Result": {"RecordTask": TASK}}).encode()
    assert outcome(200, body) == (200, "", {"RecordTask": TASK})
