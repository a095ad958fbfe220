"""The RTC backend of BytePlus: signed OpenAPI requests.

It uses its own signer, because the vendor's SDKs default to plain HTTP, are singletons in a process, and take an error
that comes with HTTP 200 for a success.
"""

import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from config.errors import TransportError
from sessions_app.rtc.answers import UNREADABLE, outcome, record_task
from sessions_app.rtc.base import (
    RecordRequest,
    RecordStatus,
    RecordTask,
    StopRequest,
    check_record_request,
    check_stop_request,
)
from sessions_app.rtc.bodies import start_record_body
from sessions_app.rtc.signing import query_string, sign_request

TIMEOUT_SECONDS = (3, 10)  # to connect, to read
_ALREADY_RUNS = "InvalidParameter.TaskAlreadyExists"
_DOES_NOT_RUN = "InvalidParameter.ErrorActiveTaskNotFound"
# The first words of codes that mean "try again", whatever the HTTP status.
# Source: BytePlus RTC, common errors, 6348/70426.
_TRANSIENT = frozenset({"InternalError", "FlowLimitExceeded"})


class BytePlusRTC:
    """Calls BytePlus' OpenAPI. Bodies may hold keys of the storage, so logs and errors never quote them."""

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
    ) -> None:
        self._app_id = app_id
        self._access_key = access_key
        self._secret_key = secret_key
        self._host = host
        self._scheme = scheme
        self._region = region
        self._version = version
        self._storage = storage
        self._recording = recording or {}
        self._timeout_seconds = timeout_seconds
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.mount("https://", _SystemTrust())

    def start_record(self, request: RecordRequest) -> None:
        """Start the recording: one mixed picture of the streamer, stored as MP4 in the configured storage."""
        check_record_request(request)
        body = start_record_body(self._app_id, request, self._storage, self._recording)
        self._call("POST", "StartRecord", body=body, success=_ALREADY_RUNS)

    def stop_record(self, request: StopRequest) -> None:
        """Stop the recording. The vendor then finishes and stores its files."""
        check_stop_request(request)
        self._call("POST", "StopRecord", body=self._name(request), success=_DOES_NOT_RUN)

    def get_record_task(self, request: StopRequest) -> RecordTask:
        """Return the status of the latest recording of that name."""
        check_stop_request(request)
        code, result = self._call("GET", "GetRecordTask", query=self._name(request), success=_DOES_NOT_RUN)
        if code:
            return RecordTask(RecordStatus.UNKNOWN)
        task = record_task(result)
        if task is None:
            raise TransportError(f"BytePlus GetRecordTask: {UNREADABLE}.", permanent=False)
        return task

    def _name(self, request: StopRequest) -> dict[str, str]:
        return {"AppId": self._app_id, "RoomId": request.room_id, "TaskId": request.task_id}

    def _call(
        self,
        method: str,
        action: str,
        *,
        success: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[str, Any]:
        """Return the error code and the result. The code is "" or `success`; raise TransportError for every other."""
        if not (self._app_id and self._access_key and self._secret_key):
            raise TransportError("BYTEPLUS_APP_ID, _ACCESS_KEY or _SECRET_KEY is not set.", permanent=True)
        named = {"Action": action, "Version": self._version, **(query or {})}
        status, code, result = self._send(method, named, b"" if body is None else json.dumps(body).encode())
        if (status == requests.codes.ok and not code) or code == success:
            return code, result
        permanent = code.partition(".")[0] not in _TRANSIENT and 0 < status < requests.codes.server_error
        raise TransportError(f"BytePlus {action}: {code or f'HTTP {status}'}.", permanent=permanent)

    def _send(self, method: str, query: Mapping[str, str], body: bytes) -> tuple[int, str, Any]:
        """Return the HTTP status, the vendor's error code and the result. The status is 0 without a complete answer."""
        headers = sign_request(
            method=method,
            host=self._host,
            query=query,
            body=body,
            access_key=self._access_key,
            secret_key=self._secret_key,
            region=self._region,
            now=datetime.now(UTC),
        )
        url = f"{self._scheme}://{self._host}/?{query_string(query)}"
        try:
            answer = self._http.request(
                method, url, data=body, headers=headers, timeout=self._timeout_seconds, allow_redirects=False
            )
        except requests.RequestException as error:
            return 0, type(error).__name__, None
        return outcome(answer.status_code, answer.content)


class _SystemTrust(HTTPAdapter):
    """Trusts the system's certificate authorities in addition to those that come with requests."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **options)
