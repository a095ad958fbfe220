"""A stand-in for BytePlus' RTC OpenAPI: StartRecord, StopRecord, GetRecordTask.

It keeps the tasks, and refuses what the vendor refuses according to the vendor's docs. It shares no code with
`sessions_app/rtc`, so that it finds mistakes there.
"""

import json
import re
import time
from collections import Counter
from typing import Any

from lab.loopback.exchange import Answer, LoopbackRequest
from lab.loopback.server import LoopbackServer
from lab.loopback.volc_signature import Refusal, Signer

RUNNING, ENDED = 2, 3
_METHODS = {"StartRecord": "POST", "StopRecord": "POST", "GetRecordTask": "GET"}
_NOT_ACTIVE = "InvalidParameter.ErrorActiveTaskNotFound"
# Source: BytePlus RTC, the page "common errors" of the docs (6348/70426).
_OVER_LIMIT = "FlowLimitExceeded.QPSOverLimit"
_ID = re.compile(r"[a-zA-Z0-9_@\-.]{1,128}")
_IDS = ("AppId", "RoomId", "TaskId")

Task = dict[str, Any]


class BytePlusLoopback(LoopbackServer):
    """Accepts signed calls of one app. `records` has the bodies of StartRecord, in order of arrival.

    `tasks` has the results of GetRecordTask, by (room, task). Starting a task that runs counts as `repeated`, and
    stopping a task that does not run as `idle`. Neither counts as rejected, because clients may do both.
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
        self.tasks: dict[tuple[str, str], Task] = {}
        self.repeated = 0
        self._done: Counter[str] = Counter()

    def refuse_next(self, code: str, *, status: int = 200, times: int = 1, applied: bool = False) -> None:
        """Refuse the next calls with this error code. The vendor sends many error codes with HTTP 200."""
        body = json.dumps(self._metadata("", code)).encode()
        self.fail_next(status=status, times=times, body=body, applied=applied)

    def answer(self, request: LoopbackRequest) -> Answer:
        """Perform the action, or refuse with the vendor's error code."""
        action = request.query.get("Action", "")
        try:
            self._check_action(request, action)
            Signer(self.access_key, self.secret_key, self.region).check(request)
            error, result = self._act(action, request) if self._admits(request) else (_OVER_LIMIT, None)
        except Refusal as refusal:
            body = json.dumps(self._metadata(action, refusal.code)).encode()
            return Answer(refusal.status, body, reason=f"{refusal.status} {refusal.code}")
        return Answer(200, json.dumps(self._metadata(action, error) | {"Result": result}).encode())

    def counts(self) -> dict[str, Counter[str]]:
        """Count the calls that were accepted, including those that had nothing to change."""
        return {"actions": Counter(StartRecord=len(self.records), repeated=self.repeated, **self._done)}

    def end(self, task_id: str, *, status: int = ENDED, stop_reason: str = "IdleTimeOut") -> None:
        """End the tasks with this id, as the vendor sometimes does by itself."""
        with self._lock:
            for (_room_id, known_id), task in self.tasks.items():
                if known_id == task_id:
                    task |= {"Status": status, "StopReason": stop_reason, "EndTime": int(time.time() * 1000)}

    def _check_action(self, request: LoopbackRequest, action: str) -> None:
        query = request.query
        known = _METHODS.get(action) == request.method and query.get("Version") == self.version
        if not known or request.path != "/" or (request.method == "POST" and len(query) != len(("Action", "Version"))):
            raise Refusal(404, "InvalidActionOrVersion")

    def _act(self, action: str, request: LoopbackRequest) -> tuple[str, Any]:
        parameters = request.json_object() if request.method == "POST" else dict(request.query)
        if parameters is None:
            raise Refusal(400, "InvalidParameter")
        _check_ids(parameters, self.app_id)
        if action == "StartRecord":
            return self._start(parameters)
        return self._stop(parameters) if action == "StopRecord" else self._get(parameters)

    def _start(self, body: dict[str, Any]) -> tuple[str, Any]:
        """Remember the recording, or return the error code of a task that runs already."""
        _check_storage_and_streams(body)
        with self._lock:
            if self._runs(body):
                self.repeated += 1
                return "InvalidParameter.TaskAlreadyExists", None
            self.records.append(body)
            started = {"Status": RUNNING, "StartTime": int(time.time() * 1000), "EndTime": 0, "StopReason": ""}
            self.tasks[_name(body)] = started | {"RecordFileList": []}
            return "", "ok"

    def _stop(self, body: dict[str, Any]) -> tuple[str, Any]:
        with self._lock:
            if not self._runs(body):
                self._done["idle"] += 1
                return _NOT_ACTIVE, None
            task = self.tasks[_name(body)]
            now = int(time.time() * 1000)
            file = {"ObjectKey": f"shows/{body['TaskId']}.mp4", "Duration": now - task["StartTime"], "Size": 1024}
            task |= {"Status": ENDED, "StopReason": "StopByAPI", "EndTime": now, "RecordFileList": [file]}
            self._done["StopRecord"] += 1
            return "", "ok"

    def _get(self, query: dict[str, Any]) -> tuple[str, Any]:
        with self._lock:
            self._done["GetRecordTask"] += 1
            task = self.tasks.get(_name(query), {"Status": 0})
            return "", {"RecordTask": dict(task)}

    def _runs(self, parameters: dict[str, Any]) -> bool:
        return self.tasks.get(_name(parameters), {}).get("Status") == RUNNING

    def _metadata(self, action: str, code: str = "") -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "RequestId": f"loopback-{self.requests}",
            "Action": action,
            "Version": self.version,
            "Service": "rtc",
            "Region": self.region,
        }
        if code:
            metadata["Error"] = {"Code": code, "Message": f"{code} (loopback)"}
        return {"ResponseMetadata": metadata}


def _check_ids(parameters: dict[str, Any], app_id: str) -> None:
    for field in _IDS:
        if field not in parameters:
            raise Refusal(400, f"MissingParameter.{field}")
        if not isinstance(parameters[field], str) or not _ID.fullmatch(parameters[field]):
            raise Refusal(400, f"InvalidParameter.{field}")
    if parameters["AppId"] != app_id:
        raise Refusal(400, "InvalidParameter.AppId")


def _check_storage_and_streams(body: dict[str, Any]) -> None:
    if "StorageConfig" not in body:
        raise Refusal(400, "MissingParameter.StorageConfig")
    if not isinstance(body["StorageConfig"], dict) or body["StorageConfig"].get("Type") not in (0, 1, 2):
        raise Refusal(400, "InvalidParameter.StorageConfig")
    target = body.get("TargetStreams", {})
    streams = target.get("StreamList", []) if isinstance(target, dict) else None
    if not isinstance(streams, list) or not all(
        isinstance(stream, dict) and _ID.fullmatch(str(stream.get("UserId", ""))) for stream in streams
    ):
        raise Refusal(400, "InvalidParameter.TargetStreams")


def _name(parameters: dict[str, Any]) -> tuple[str, str]:
    return parameters["RoomId"], parameters["TaskId"]
