"""RTC of BytePlus: signed OpenAPI requests.

Our own signer, because the vendor's SDKs default to plain http, are process-wide singletons, and take a failure
that comes with HTTP 200 for a success.
"""

import json
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from config.errors import TransportError
from sessions_app.rtc.base import RecordRequest, check_record_request
from sessions_app.rtc.signing import query_string, sign_request

TIMEOUT_SECONDS = (3, 10)  # to connect, to read
_ALREADY_RUNS = "InvalidParameter.TaskAlreadyExists"
_TRANSIENT_CODES = frozenset({"FlowLimitExceeded.QPSOverLimit"})
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,128}")


class BytePlusRTC:
    """Talks to BytePlus' OpenAPI. Bodies may hold the storage's keys, so nothing of them is logged or raised."""

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
        self._timeout_seconds = timeout_seconds
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.mount("https://", _SystemTrust())

    def start_record(self, request: RecordRequest) -> None:
        """Start the recording: one mixed picture of the streamer, as MP4, in the configured storage."""
        check_record_request(request)
        self._call("StartRecord", start_record_body(self._app_id, request, self._storage))

    def _call(self, action: str, parameters: Mapping[str, Any]) -> None:
        if not (self._app_id and self._access_key and self._secret_key):
            raise TransportError("BYTEPLUS_APP_ID, _ACCESS_KEY or _SECRET_KEY is not set.", permanent=True)
        status, code = self._post(action, json.dumps(parameters).encode())
        if (status == requests.codes.ok and not code) or code == _ALREADY_RUNS:
            return
        permanent = code not in _TRANSIENT_CODES and 0 < status < requests.codes.server_error
        raise TransportError(f"BytePlus {action}: {code or f'HTTP {status}'}.", permanent=permanent)

    def _post(self, action: str, body: bytes) -> tuple[int, str]:
        """Return the HTTP status and the vendor's error code; status 0 if there was no whole answer."""
        query = {"Action": action, "Version": self._version}
        headers = sign_request(
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
            answer = self._http.post(
                url, data=body, headers=headers, timeout=self._timeout_seconds, allow_redirects=False
            )
        except requests.RequestException as error:
            return 0, type(error).__name__
        return _outcome(answer)


def start_record_body(app_id: str, request: RecordRequest, storage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of StartRecord. Times are seconds, the bit rate is kbit/s."""
    return {
        "AppId": app_id,
        "RoomId": request.room_id,
        "TaskId": request.task_id,
        "RecordMode": 0,
        "TargetStreams": {"StreamList": [{"Index": 0, "UserId": request.streamer_id, "StreamType": 0}]},
        "Encode": {"VideoWidth": 1280, "VideoHeight": 720, "VideoFps": 30, "VideoBitrate": 2000},
        "Layout": {"LayoutMode": 0},
        "Control": {"MediaType": 0, "FrameInterpolationMode": 0, "MaxIdleTime": 180, "MaxRecordTime": 0},
        "FileFormatConfig": {"FileFormat": ["MP4"]},
        "FileNameConfig": {"Prefix": ["shows", request.room_id], "Pattern": "{TaskId}_{RoomId}_{StartTime}"},
        "StorageConfig": {"Type": 0, **storage},
    }


def _outcome(answer: requests.Response) -> tuple[int, str]:
    try:
        error = answer.json()["ResponseMetadata"].get("Error")
        code = str(error["Code"]) if error else ""
    except (ValueError, LookupError, TypeError, AttributeError):
        # A success always has ResponseMetadata: this came from something between BytePlus and us.
        return (answer.status_code, "") if answer.status_code != requests.codes.ok else (0, "unreadable answer")
    return answer.status_code, code if not code or _CODE.fullmatch(code) else "unreadable code"


class _SystemTrust(HTTPAdapter):
    """Trusts the system's authorities besides those that requests brings along."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **options)
