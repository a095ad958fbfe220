"""A stand-in for BytePlus' RTC OpenAPI: StartRecord.

It verifies the signature with code of its own, from the vendor's docs, sharing none with `sessions_app/rtc`: else a
mistake there would go unnoticed here.
"""

import calendar
import hashlib
import hmac
import json
import re
import time
from collections import Counter
from typing import Any
from urllib.parse import quote

from ops.loopback.exchange import Answer, LoopbackRequest
from ops.loopback.server import LoopbackServer

CLOCK_SKEW_SECONDS = 900
_AUTHORIZATION = re.compile(
    r"HMAC-SHA256 Credential=(?P<access_key>[^/,]+)/(?P<scope>[^,]+), "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_MUST_BE_SIGNED = frozenset({"content-type", "host", "x-content-sha256", "x-date"})
_ID = re.compile(r"[a-zA-Z0-9_@\-.]{1,128}")
_IDS = ("AppId", "RoomId", "TaskId")


class _Refusal(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status = status
        self.code = code
        super().__init__(code)


class BytePlusLoopback(LoopbackServer):
    """Accepts signed StartRecord calls of one app; `records` keeps their bodies, in order of arrival.

    Asking again for a task that runs counts as `repeated`, not as rejected: a client may do so.
    """

    def __init__(
        self,
        *,
        app_id: str,
        access_key: str,
        secret_key: str,
        region: str = "ap-singapore-1",
        version: str = "2022-06-01",
        latency: float = 0.0,
    ) -> None:
        super().__init__(latency=latency)
        self.app_id = app_id
        self.access_key = access_key
        self.secret_key = secret_key
        self.region = region
        self.version = version
        self.records: list[dict[str, Any]] = []
        self.repeated = 0

    def refuse_next(self, code: str, *, status: int = 200, times: int = 1, applied: bool = False) -> None:
        """Answer the next calls with this error code; the vendor sends many of them with HTTP 200."""
        body = json.dumps(self._metadata(code)).encode()
        self.fail_next(status=status, times=times, body=body, applied=applied)

    def answer(self, request: LoopbackRequest) -> Answer:
        """Start the recording, or refuse with the vendor's error code."""
        try:
            self._check_action(request)
            self._check_signature(request)
            error = self._start(_json_object(request.body))
        except _Refusal as refusal:
            body = json.dumps(self._metadata(refusal.code)).encode()
            return Answer(refusal.status, body, reason=f"{refusal.status} {refusal.code}")
        result = {"Result": None if error else "ok"}
        return Answer(200, json.dumps(self._metadata(error) | result).encode())

    def counts(self) -> dict[str, Counter[str]]:
        """Count the recordings and the calls for one that ran already."""
        return {"actions": Counter(StartRecord=len(self.records), repeated=self.repeated)}

    def _check_action(self, request: LoopbackRequest) -> None:
        wanted = {"Action": "StartRecord", "Version": self.version}
        if (request.method, request.path, request.query) != ("POST", "/", wanted):
            raise _Refusal(404, "InvalidActionOrVersion")

    def _check_signature(self, request: LoopbackRequest) -> None:
        headers = request.headers
        given = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if not given or not set(given["headers"].split(";")) >= _MUST_BE_SIGNED <= set(headers):
            raise _Refusal(401, "MissingAuthenticationToken")
        if given["access_key"] != self.access_key:
            raise _Refusal(401, "InvalidAccessKey")
        if not _is_recent(headers["x-date"], request.at):
            raise _Refusal(400, "InvalidTimestamp")
        if given["scope"] != f"{headers['x-date'][:8]}/{self.region}/rtc/request":
            raise _Refusal(401, "InvalidCredential")
        if headers["x-content-sha256"] != hashlib.sha256(request.body).hexdigest():
            raise _Refusal(400, "InvalidContentSha256")
        expected = self._signature(request, given["headers"].split(";"), given["scope"])
        if not hmac.compare_digest(given["signature"], expected):
            raise _Refusal(403, "SignatureDoesNotMatch")

    def _signature(self, request: LoopbackRequest, signed_headers: list[str], scope: str) -> str:
        canonical = f"{request.method}\n{request.path}\n"
        canonical += "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(request.query.items()))
        canonical += "\n"
        for name in sorted(signed_headers):
            canonical += f"{name}:{request.headers.get(name, '').strip()}\n"
        canonical += f"\n{';'.join(sorted(signed_headers))}\n{hashlib.sha256(request.body).hexdigest()}"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        key = self.secret_key.encode()
        for part in (*scope.split("/"), f"HMAC-SHA256\n{request.headers['x-date']}\n{scope}\n{hashed}"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()

    def _start(self, body: dict[str, Any]) -> str:
        """Remember the recording and return "", or the error code of a task that runs already."""
        _check_body(body, self.app_id)
        with self._lock:
            if any(_task(body) == _task(known) for known in self.records):
                self.repeated += 1
                return "InvalidParameter.TaskAlreadyExists"
            self.records.append(body)
            return ""

    def _metadata(self, code: str = "") -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "RequestId": f"loopback-{self.requests}",
            "Action": "StartRecord",
            "Version": self.version,
            "Service": "rtc",
            "Region": self.region,
        }
        if code:
            metadata["Error"] = {"Code": code, "Message": f"{code} (loopback)"}
        return {"ResponseMetadata": metadata}


def _is_recent(date: str, now: float) -> bool:
    try:
        seconds = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return False
    return abs(seconds - now) <= CLOCK_SKEW_SECONDS


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise _Refusal(400, "InvalidParameter") from error
    if not isinstance(parsed, dict):
        raise _Refusal(400, "InvalidParameter")
    return parsed


def _check_body(body: dict[str, Any], app_id: str) -> None:
    for field in (*_IDS, "StorageConfig"):
        if field not in body:
            raise _Refusal(400, f"MissingParameter.{field}")
    for field in _IDS:
        if not isinstance(body[field], str) or not _ID.fullmatch(body[field]):
            raise _Refusal(400, f"InvalidParameter.{field}")
    if body["AppId"] != app_id:
        raise _Refusal(400, "InvalidParameter.AppId")
    if not isinstance(body["StorageConfig"], dict) or body["StorageConfig"].get("Type") not in (0, 1, 2):
        raise _Refusal(400, "InvalidParameter.StorageConfig")
    _check_streams(body.get("TargetStreams", {}))


def _check_streams(target: Any) -> None:
    streams = target.get("StreamList", []) if isinstance(target, dict) else None
    if not isinstance(streams, list) or not all(
        isinstance(stream, dict) and _ID.fullmatch(str(stream.get("UserId", ""))) for stream in streams
    ):
        raise _Refusal(400, "InvalidParameter.TargetStreams")


def _task(body: dict[str, Any]) -> tuple[str, str, str]:
    return body["AppId"], body["RoomId"], body["TaskId"]
