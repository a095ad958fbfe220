"""Reads the responses of BytePlus: the error code, and the result of GetRecordTask.

Only whitelisted fields are read, and only if their values have the documented form. Nothing else is kept or logged.
"""

import json
import re
from http import HTTPStatus
from typing import Any

from sessions_app.rtc.base import RecordedFile, RecordStatus, RecordTask

MAX_FILES = 100
UNREADABLE = "unreadable answer"
_WORD = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
_OBJECT_KEY = re.compile(r"[^\x00-\x1f\x7f]{1,1024}")


def outcome(status: int, body: bytes) -> tuple[int, str, Any]:
    """Return the HTTP status, the vendor's error code ("" if it sent none) and the result.

    If a response with status 200 can't be parsed, the returned status is 0 and the code is UNREADABLE.
    """
    try:
        document = json.loads(body)
        error = document["ResponseMetadata"].get("Error")
        code = str(error["Code"]) if error else ""
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # Every successful response of BytePlus has ResponseMetadata. A 200 without it comes from a proxy on the way.
        return (0, UNREADABLE, None) if status == HTTPStatus.OK else (status, "", None)
    return status, code if not code or _WORD.fullmatch(code) else "unreadable code", document.get("Result")


def record_task(result: Any) -> RecordTask | None:
    """Return the task in GetRecordTask's result, or None if the result is not as documented.

    If the result has no task, return one with the status UNKNOWN.
    """
    task = result.get("RecordTask") if isinstance(result, dict) else result
    if task is None:
        return RecordTask(RecordStatus.UNKNOWN)
    if not isinstance(task, dict) or _number(task.get("Status"), missing=-1) not in list(RecordStatus):
        return None
    files = task.get("RecordFileList")
    listed = [entry for entry in files if isinstance(entry, dict)] if isinstance(files, list) else []
    return RecordTask(
        status=RecordStatus(task["Status"]),
        stop_reason=_text(task.get("StopReason"), _WORD),
        files=tuple(_file(entry) for entry in listed[:MAX_FILES]),
    )


def _file(entry: dict[str, Any]) -> RecordedFile:
    return RecordedFile(
        vid=_text(entry.get("Vid"), _WORD),
        object_key=_text(entry.get("ObjectKey"), _OBJECT_KEY),
        duration_ms=_number(entry.get("Duration")),
        size_bytes=_number(entry.get("Size")),
    )


def _text(value: Any, pattern: re.Pattern[str]) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def _number(value: Any, *, missing: int = 0) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else missing
