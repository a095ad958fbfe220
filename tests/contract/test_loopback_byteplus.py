"""The stand-in for BytePlus refuses what BytePlus refuses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from lab.loopback.byteplus import BytePlusLoopback
from sessions_app.rtc.signing import query_string, sign_request
from tests.contract import keys

BODY: dict[str, Any] = {
    "AppId": keys.BYTEPLUS_APP_ID,
    "RoomId": "6811bfd5d273022b46570ae5",
    "TaskId": "show-1",
    "StorageConfig": {"Type": 0},
}
METADATA = {
    "RequestId": "loopback-1",
    "Action": "StartRecord",
    "Version": "2022-06-01",
    "Service": "rtc",
    "Region": "ap-singapore-1",
}


def test_loopback_answers_as_the_vendor_does(byteplus_server: BytePlusLoopback) -> None:
    answer = _post(byteplus_server, BODY)
    assert (answer.status_code, answer.json()) == (200, {"ResponseMetadata": METADATA, "Result": "ok"})
    assert byteplus_server.records == [BODY]
    seen = requests.get(f"http://{byteplus_server.address}/_seen", timeout=5)
    assert seen.json() == {"requests": 1, "rejected": 0, "actions": {"StartRecord": 1, "repeated": 0}}


def test_loopback_refuses_a_running_task_with_http_200(byteplus_server: BytePlusLoopback) -> None:
    _post(byteplus_server, BODY)
    answer = _post(byteplus_server, BODY)
    assert (answer.status_code, _code(answer)) == (200, "InvalidParameter.TaskAlreadyExists")
    assert byteplus_server.records == [BODY]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"RoomId": None}, "MissingParameter.RoomId"),
        ({"StorageConfig": None}, "MissingParameter.StorageConfig"),
        ({"TaskId": "a b"}, "InvalidParameter.TaskId"),
        ({"TaskId": "x" * 129}, "InvalidParameter.TaskId"),
        ({"RoomId": 7}, "InvalidParameter.RoomId"),
        ({"AppId": "another"}, "InvalidParameter.AppId"),
        ({"StorageConfig": {}}, "InvalidParameter.StorageConfig"),
        ({"TargetStreams": {"StreamList": [{"UserId": ""}]}}, "InvalidParameter.TargetStreams"),
        ({"TargetStreams": []}, "InvalidParameter.TargetStreams"),
    ],
    ids=str,
)
def test_loopback_refuses_bad_parameters(byteplus_server: BytePlusLoopback, changed: dict[str, Any], code: str) -> None:
    body = {name: value for name, value in (BODY | changed).items() if value is not None}
    answer = _post(byteplus_server, body)
    assert (answer.status_code, _code(answer)) == (400, code)
    assert (byteplus_server.rejected, byteplus_server.records) == (1, [])


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, "MissingAuthenticationToken"),
        ({"Authorization": "HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=" + "0" * 64}, 401, "Missing"),
        ({"X-Date": "yesterday"}, 400, "InvalidTimestamp"),
        ({"X-Content-Sha256": "0" * 64}, 400, "InvalidContentSha256"),
        ({"Content-Type": "text/plain"}, 403, "SignatureDoesNotMatch"),
    ],
    ids=str,
)
def test_loopback_refuses_a_bad_signature(
    byteplus_server: BytePlusLoopback, headers: dict[str, str], status: int, code: str
) -> None:
    answer = _post(byteplus_server, BODY, headers=headers)
    assert answer.status_code == status
    assert _code(answer).startswith(code)
    assert byteplus_server.records == []


@pytest.mark.parametrize("minutes", [-16, 16])
def test_loopback_refuses_a_wrong_clock(byteplus_server: BytePlusLoopback, minutes: int) -> None:
    answer = _post(byteplus_server, BODY, now=datetime.now(UTC) + timedelta(minutes=minutes))
    assert (answer.status_code, _code(answer)) == (400, "InvalidTimestamp")


def test_loopback_stops_and_tells(byteplus_server: BytePlusLoopback) -> None:
    stopped = {name: BODY[name] for name in ("AppId", "RoomId", "TaskId")}
    answers = [_post(byteplus_server, stopped, action="StopRecord"), _post(byteplus_server, BODY)]
    answers += [_post(byteplus_server, stopped, action="StopRecord"), _get(byteplus_server, stopped)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]
    assert _code(answers[0]) == "InvalidParameter.ErrorActiveTaskNotFound"
    assert answers[2].json() == {"ResponseMetadata": answers[2].json()["ResponseMetadata"], "Result": "ok"}
    assert answers[2].json()["ResponseMetadata"]["Action"] == "StopRecord"
    task = answers[3].json()["Result"]["RecordTask"]
    assert (task["Status"], task["StopReason"], task["RecordFileList"][0]["ObjectKey"]) == (
        *(3, "StopByAPI", "shows/show-1.mp4"),
    )


def test_loopback_ends_a_task_by_itself(byteplus_server: BytePlusLoopback) -> None:
    _post(byteplus_server, BODY)
    byteplus_server.end("show-1", stop_reason="IdleTimeOut")
    task = _get(byteplus_server, BODY | {"StorageConfig": "x"}).json()["Result"]["RecordTask"]
    assert (task["Status"], task["StopReason"]) == (3, "IdleTimeOut")


@pytest.mark.parametrize("action", ["StopRecord", "GetRecordTask"])
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"TaskId": None}, "MissingParameter.TaskId"),
        ({"RoomId": "a b"}, "InvalidParameter.RoomId"),
        ({"AppId": "another"}, "InvalidParameter.AppId"),
    ],
    ids=str,
)
def test_loopback_refuses_bad_names(
    byteplus_server: BytePlusLoopback, action: str, changed: dict[str, Any], code: str
) -> None:
    names = {"AppId": keys.BYTEPLUS_APP_ID, "RoomId": "room", "TaskId": "show-1"} | changed
    named = {name: value for name, value in names.items() if value is not None}
    answer = _get(byteplus_server, named) if action == "GetRecordTask" else _post(byteplus_server, named, action=action)
    assert (answer.status_code, _code(answer)) == (400, code)


def test_loopback_refuses_a_query_that_was_not_signed(byteplus_server: BytePlusLoopback) -> None:
    answer = _get(byteplus_server, BODY | {"StorageConfig": "x"}, sent={"TaskId": "show-2"})
    assert (answer.status_code, _code(answer)) == (403, "SignatureDoesNotMatch")


def test_loopback_wants_each_action_by_its_method(byteplus_server: BytePlusLoopback) -> None:
    answers = [_post(byteplus_server, BODY, action="GetRecordTask")]
    answers.append(_get(byteplus_server, BODY | {"StorageConfig": "x"}, action="StopRecord"))
    assert [(answer.status_code, _code(answer)) for answer in answers] == [(404, "InvalidActionOrVersion")] * 2


def test_loopback_knows_no_other_action(byteplus_server: BytePlusLoopback) -> None:
    answer = _post(byteplus_server, BODY, action="DismissRoom")
    assert (answer.status_code, _code(answer)) == (404, "InvalidActionOrVersion")


def test_loopback_refuses_calls_over_the_limit_of_the_account(byteplus_server: BytePlusLoopback) -> None:
    byteplus_server.limit_calls(1)
    answers = [_post(byteplus_server, BODY), _get(byteplus_server, BODY | {"StorageConfig": "x"})]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert _code(answers[1]) == "FlowLimitExceeded.QPSOverLimit"
    assert (byteplus_server.records, byteplus_server.over_limit, byteplus_server.rejected) == ([BODY], 1, 0)


def _post(
    server: BytePlusLoopback,
    body: dict[str, Any],
    *,
    action: str = "StartRecord",
    headers: dict[str, str] | None = None,
    now: datetime | None = None,
) -> requests.Response:
    content = json.dumps(body).encode()
    query = {"Action": action, "Version": server.version}
    signed = sign_request(
        host=server.address,
        query=query,
        body=content,
        access_key=server.access_key,
        secret_key=server.secret_key,
        region=server.region,
        now=now or datetime.now(UTC),
    )
    url = f"http://{server.address}/?{query_string(query)}"
    return requests.post(url, data=content, headers=signed | (headers or {}), timeout=5)


def _get(
    server: BytePlusLoopback,
    names: dict[str, str],
    *,
    action: str = "GetRecordTask",
    sent: dict[str, str] | None = None,
) -> requests.Response:
    """Sign the query, then send it with the changes in `sent`."""
    query = {"Action": action, "Version": server.version, **names}
    signed = sign_request(
        method="GET",
        host=server.address,
        query=query,
        body=b"",
        access_key=server.access_key,
        secret_key=server.secret_key,
        region=server.region,
        now=datetime.now(UTC),
    )
    url = f"http://{server.address}/?{query_string(query | (sent or {}))}"
    return requests.get(url, headers=signed, timeout=5)


def _code(answer: requests.Response) -> str:
    code: str = answer.json()["ResponseMetadata"]["Error"]["Code"]
    return code
