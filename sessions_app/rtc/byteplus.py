"""The RTC backend that sends signed requests to BytePlus' OpenAPI.

The backend does not use the vendor's SDKs. They default to plain HTTP, allow only one client in a process, and treat an
error that comes with HTTP 200 as a success.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from config import clock
from config.errors import TransportError
from config.libcurl import Connections
from config.vendor_calls import Answer, PendingCall, VendorRequest
from sessions_app.rtc.answers import UNREADABLE, outcome, record_task
from sessions_app.rtc.base import (
    GetRecordTask,
    RecordStatus,
    RecordTask,
    RTCCall,
    RTCResult,
    StartRecord,
    check_call,
)
from sessions_app.rtc.bodies import start_record_body
from sessions_app.rtc.signing import query_string, sign_request
from taskqueue.pace import pace_of

CONCURRENCY = 32
TIMEOUT_SECONDS = (3.0, 5.0)  # the time-outs for connecting, and for the rest of a call
_ALREADY_RUNS = "InvalidParameter.TaskAlreadyExists"
_DOES_NOT_RUN = "InvalidParameter.ErrorActiveTaskNotFound"
# A code whose first word is one of these means "try again", whatever the HTTP status.
# Source: BytePlus RTC, common errors (document 6348/70426).
_LIMITED = "FlowLimitExceeded"
_TRANSIENT = frozenset({"InternalError", _LIMITED})


class BytePlusRTC:
    """Calls BytePlus' OpenAPI. A request body may hold keys to the storage, so logs and errors never quote bodies."""

    def __init__(
        self,
        *,
        app_id: str,
        access_key: str,
        secret_key: str,
        host: str,
        scheme: str,
        region: str,
        version: str,
        storage: Mapping[str, Any],
        recording: Mapping[str, Any] | None = None,
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
        per_second: int = 0,
    ) -> None:
        """Limit all processes together to `per_second` calls a second; 0 means no limit."""
        self._app_id = app_id
        self._access_key = access_key
        self._secret_key = secret_key
        self._host = host
        self._scheme = scheme
        self._region = region
        self._version = version
        self._storage = storage
        self._recording = recording or {}
        # The backend tries a call only once. The queue retries the task, which first checks whether the call is still
        # needed.
        self._connections = Connections[RTCCall](
            "byteplus",
            concurrency=CONCURRENCY,
            timeout_seconds=timeout_seconds,
            tries=1,
            reserve=pace_of("byteplus", per_second),
        )

    def send(self, calls: Iterable[RTCCall]) -> Iterator[RTCResult]:
        """Make the calls, up to CONCURRENCY at a time, and yield the result of each.

        A recording is one mixed video of what the streamer publishes, stored as MP4 in the configured storage.
        """
        for pending in self._connections.send(calls, self._signed, lambda _answer: None):
            try:
                yield RTCResult(pending.call, task=_result(pending))
            except TransportError as error:
                yield RTCResult(pending.call, error.with_traceback(None))  # the traceback holds the request

    def _signed(self, call: RTCCall) -> VendorRequest:
        """Return the signed request. Raise a permanent TransportError if an id is malformed or a key is missing."""
        check_call(call)
        if not (self._app_id and self._access_key and self._secret_key):
            raise TransportError("BYTEPLUS_APP_ID, _ACCESS_KEY or _SECRET_KEY is not set.", permanent=True)
        query = {"Action": _action(call), "Version": self._version}
        name = {"AppId": self._app_id, "RoomId": call.room_id, "TaskId": call.task_id}
        match call:
            case GetRecordTask():
                return self._request("GET", {**query, **name}, b"")
            case StartRecord():
                body = start_record_body(self._app_id, call, self._storage, self._recording)
            case _:
                body = name
        return self._request("POST", query, json.dumps(body).encode())

    def _request(self, method: str, query: Mapping[str, str], body: bytes) -> VendorRequest:
        headers = sign_request(
            method=method,
            host=self._host,
            query=query,
            body=body,
            access_key=self._access_key,
            secret_key=self._secret_key,
            region=self._region,
            now=clock.now(),
        )
        return VendorRequest(f"{self._scheme}://{self._host}/?{query_string(query)}", headers, body, method)


def _action(call: RTCCall) -> str:
    return type(call).__name__


def _result(pending: PendingCall[RTCCall]) -> RecordTask | None:
    """Return the result of GetRecordTask, or None for another call. Raise TransportError if the call has failed."""
    if pending.error:
        raise pending.error
    if pending.answer is None:
        raise _failure(pending.call, pending.failures[-1].reason)
    return _read(pending.call, pending.answer)


def _read(call: RTCCall, answer: Answer) -> RecordTask | None:
    status, code, result = outcome(answer.status, answer.body)
    is_get = isinstance(call, GetRecordTask)
    if code == (_ALREADY_RUNS if isinstance(call, StartRecord) else _DOES_NOT_RUN):
        return RecordTask(RecordStatus.UNKNOWN) if is_get else None
    if status != HTTPStatus.OK or code:
        first = code.partition(".")[0]
        limited = first == _LIMITED or (not code and status == HTTPStatus.TOO_MANY_REQUESTS)
        permanent = not limited and first not in _TRANSIENT and 0 < status < HTTPStatus.INTERNAL_SERVER_ERROR
        raise _failure(call, code or f"HTTP {status}", permanent=permanent, limited=limited)
    if not is_get:
        return None
    task = record_task(result)
    if task is None:
        raise _failure(call, UNREADABLE)
    return task


def _failure(call: RTCCall, reason: str, *, permanent: bool = False, limited: bool = False) -> TransportError:
    return TransportError(f"BytePlus {_action(call)}: {reason}.", permanent=permanent, limited=limited)
