"""Failures of BytePlus or of the network become a TransportError that says whether to retry and holds no secret."""

import dataclasses
import time
import traceback
from collections.abc import Callable

import pytest

from config.errors import TransportError
from lab.loopback.byteplus import BytePlusLoopback
from sessions_app.rtc.base import GetRecordTask, RecordStatus, RTCCall, StartRecord, StopRecord
from sessions_app.rtc.byteplus import CONCURRENCY, BytePlusRTC
from tests.contract import keys
from tests.contract.recording import call, get_task

ROOM, TASK = "6811bfd5d273022b46570ae5", "show-1"
START = StartRecord(room_id=ROOM, task_id=TASK, streamer_id="67ceabecc82b8fd6cf63d6d6")
STOP = StopRecord(room_id=ROOM, task_id=TASK)
GET = GetRecordTask(room_id=ROOM, task_id=TASK)
HANGS_FOR_SECONDS = 5.0
QPS = "FlowLimitExceeded.QPSOverLimit"

Inject = Callable[[BytePlusLoopback], None]
CALLS: dict[str, RTCCall] = {"StartRecord": START, "StopRecord": STOP, "GetRecordTask": GET}


def _code(code: str, status: int = 200) -> Inject:
    return lambda server: server.refuse_next(code, status=status)


def _body(status: int, body: bytes) -> Inject:
    return lambda server: server.fail_next(status=status, body=body)


# name: (how the call fails, whether the error is permanent, what the error says)
FAILURES: dict[str, tuple[Inject, bool, str]] = {
    "error with HTTP 200": (_code("InvalidParameter.RoomId"), True, "InvalidParameter.RoomId"),
    "error with HTTP 403": (_code("AccessDenied", 403), True, "AccessDenied"),
    "error with HTTP 500": (_code("InternalError", 500), False, "InternalError"),
    **{
        f"{code} with HTTP {status}": (_code(code, status), False, code)
        for code in (QPS, "FlowLimitExceeded.TaskNumberOverLimit", "InternalError", "InternalError.Unknown")
        for status in (200, 400, 429)
    },
    "a code that only looks like one to retry": (_code("InternalErrors.Unknown"), True, "InternalErrors.Unknown"),
    "a malformed error code": (_code("LEAKED\nANSWER"), True, "unreadable code"),
    **{
        f"HTTP {status}": (_body(status, b"LEAKED-ANSWER"), permanent, f"HTTP {status}")
        for status, permanent in {301: True, 400: True, 401: True, 403: True, 404: True, 502: False, 503: False}.items()
    },
    "HTTP 200 without JSON": (_body(200, b"LEAKED"), False, "unreadable answer"),
    "HTTP 200, empty object": (_body(200, b"{}"), False, "unreadable answer"),
    "HTTP 200, a list": (_body(200, b"[1]"), False, "unreadable answer"),
    "hang": (lambda server: server.hang_next(seconds=HANGS_FOR_SECONDS), False, "OPERATION_TIMEDOUT"),
    "reset": (lambda server: server.reset_next(), False, "RECV_ERROR"),
    "truncated": (lambda server: server.truncate_next(), False, "PARTIAL_FILE"),
}


@pytest.mark.parametrize("action", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
def test_byteplus_failure_is_a_transport_error(
    action: str,
    failure: str,
    impatient_byteplus: BytePlusRTC,
    byteplus_server: BytePlusLoopback,
    caplog: pytest.LogCaptureFixture,
) -> None:
    inject, permanent, reason = FAILURES[failure]
    inject(byteplus_server)
    with pytest.raises(TransportError) as caught:
        call(impatient_byteplus, CALLS[action])
    assert caught.value.permanent is permanent
    assert str(caught.value) == f"transport_error: BytePlus {action}: {reason}."
    assert byteplus_server.records == []
    _assert_no_secret(caught.value, caplog)


@pytest.mark.parametrize("status", [200, 400])
def test_byteplus_task_that_runs_already_is_a_success(
    status: int, byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback
) -> None:
    byteplus_server.refuse_next("InvalidParameter.TaskAlreadyExists", status=status)
    call(byteplus, START)
    assert byteplus_server.requests == 1


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", ["InvalidParameter.ErrorActiveTaskNotFound"])
def test_byteplus_missing_task_counts_as_stopped_and_has_no_status(
    code: str, status: int, byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback
) -> None:
    byteplus_server.refuse_next(code, status=status, times=2)
    call(byteplus, STOP)
    assert get_task(byteplus, GET).status == RecordStatus.UNKNOWN


@pytest.mark.parametrize("action", ["StopRecord", "GetRecordTask"])
def test_byteplus_task_already_exists_is_a_success_of_start_only(
    action: str, byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback
) -> None:
    byteplus_server.refuse_next("InvalidParameter.TaskAlreadyExists")
    with pytest.raises(TransportError):
        call(byteplus, CALLS[action])


@pytest.mark.parametrize(
    "result", ['"ok"', '{"RecordTask": []}', '{"RecordTask": {}}', '{"RecordTask": {"Status": 5}}', "[1]"]
)
def test_byteplus_malformed_record_task_is_a_transient_error(
    result: str, byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback
) -> None:
    byteplus_server.fail_next(status=200, body=f'{{"ResponseMetadata": {{}}, "Result": {result}}}'.encode())
    with pytest.raises(TransportError) as caught:
        get_task(byteplus, GET)
    assert not caught.value.permanent
    assert str(caught.value) == "transport_error: BytePlus GetRecordTask: unreadable answer."


def test_byteplus_start_can_be_repeated_after_a_lost_answer(
    byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback
) -> None:
    byteplus_server.reset_next(applied=True)
    with pytest.raises(TransportError) as caught:
        call(byteplus, START)
    assert not caught.value.permanent
    call(byteplus, START)
    assert byteplus_server.seen() == {"requests": 2, "rejected": 0, "actions": {"StartRecord": 1, "repeated": 1}}


@pytest.mark.parametrize(
    ("inject", "limited"),
    [
        (_code(QPS), True),
        (_code("FlowLimitExceeded.TaskNumberOverLimit", 400), True),
        (_body(429, b""), True),
        (_code("InternalError"), False),
        (_body(503, b""), False),
    ],
)
def test_byteplus_that_takes_no_more_calls_is_not_away(
    inject: Inject, byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback, *, limited: bool
) -> None:
    inject(byteplus_server)
    with pytest.raises(TransportError) as caught:
        call(byteplus, START)
    assert (caught.value.permanent, caught.value.limited) == (False, limited)


def test_byteplus_wrong_secret_is_permanent(
    byteplus_server: BytePlusLoopback, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TransportError) as caught:
        call(keys.byteplus_backend(byteplus_server, secret_key=keys.WRONG_SECRET), START)
    assert caught.value.permanent
    assert str(caught.value) == "transport_error: BytePlus StartRecord: SignatureDoesNotMatch."
    assert list(byteplus_server.reasons) == ["403 SignatureDoesNotMatch"]
    _assert_no_secret(caught.value, caplog)


def test_byteplus_without_keys_sends_nothing(byteplus_server: BytePlusLoopback) -> None:
    with pytest.raises(TransportError) as caught:
        call(keys.byteplus_backend(byteplus_server, secret_key=""), START)
    assert caught.value.permanent
    assert byteplus_server.requests == 0


def test_byteplus_away_is_transient(caplog: pytest.LogCaptureFixture) -> None:
    with BytePlusLoopback(app_id="a", access_key="k", secret_key="s") as gone:
        backend = keys.byteplus_backend(gone)
    with pytest.raises(TransportError) as caught:
        call(backend, START)
    assert not caught.value.permanent
    _assert_no_secret(caught.value, caplog)


def test_byteplus_call_that_fails_or_hangs_does_not_touch_the_others(
    impatient_byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback
) -> None:
    byteplus_server.hang_next(seconds=HANGS_FOR_SECONDS)
    byteplus_server.refuse_next("AccessDenied")
    starts = [dataclasses.replace(START, task_id=f"show-{number}") for number in range(30)]
    began = time.monotonic()
    results = list(impatient_byteplus.send(starts))
    assert time.monotonic() - began < HANGS_FOR_SECONDS
    assert sorted(str(result.error.detail) for result in results if result.error) == [
        "BytePlus StartRecord: AccessDenied.",
        "BytePlus StartRecord: OPERATION_TIMEDOUT.",
    ]
    assert len(byteplus_server.records) == 28
    assert byteplus_server.connections <= CONCURRENCY + 1


def test_byteplus_answer_that_is_too_large_is_a_transient_error(
    byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback
) -> None:
    byteplus_server.fail_next(status=200, body=b'{"ResponseMetadata": {}, "Result": "' + b"x" * 2_000_000 + b'"}')
    with pytest.raises(TransportError) as caught:
        call(byteplus, GET)
    assert str(caught.value) == "transport_error: BytePlus GetRecordTask: unreadable answer."
    assert get_task(byteplus, GET).status == RecordStatus.UNKNOWN


def test_byteplus_ignores_proxy_variables(
    byteplus: BytePlusRTC, byteplus_server: BytePlusLoopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    call(byteplus, START)
    assert len(byteplus_server.records) == 1


def _assert_no_secret(error: TransportError, caplog: pytest.LogCaptureFixture) -> None:
    shown = caplog.text + "".join(traceback.format_exception(error)) + repr(error) + str(error)
    for secret in ("LEAKED", keys.BYTEPLUS_SECRET_KEY, keys.STORAGE_SECRET, "Signature=", keys.WRONG_SECRET):
        assert secret not in shown
    assert error.__cause__ is None
    assert error.__context__ is None
