"""The RTC backend for development. It logs the starts and stops of recordings, and calls no vendor."""

import logging
from collections.abc import Iterable, Iterator

from django.core.cache import cache

from sessions_app.rtc.base import (
    GetRecordTask,
    RecordStatus,
    RecordTask,
    RTCCall,
    RTCResult,
    StartRecord,
    StopRecord,
    one_by_one,
)

logger = logging.getLogger(__name__)
KEPT_SECONDS = 3 * 24 * 60 * 60


class ConsoleRTC:
    """Logs starts and stops, and records nothing. All processes share a cache that holds the status of recordings."""

    def send(self, calls: Iterable[RTCCall]) -> Iterator[RTCResult]:
        """Log each call that starts or stops a recording, and keep the recording's status."""
        return one_by_one(calls, _make)


def _make(call: RTCCall) -> RecordTask | None:
    status = RecordStatus(cache.get(_key(call), RecordStatus.UNKNOWN.value))
    match call:
        case GetRecordTask():
            return RecordTask(status, stop_reason="StopByAPI" if status == RecordStatus.ENDED else "")
        case StartRecord(room_id=room_id, task_id=task_id, streamer_id=streamer_id):
            logger.info("StartRecord room=%s task=%s streamer=%s", room_id, task_id, streamer_id)
            _remember(call, RecordStatus.RUNNING)
        case StopRecord(room_id=room_id, task_id=task_id):
            logger.info("StopRecord room=%s task=%s", room_id, task_id)
            if status == RecordStatus.RUNNING:
                _remember(call, RecordStatus.ENDED)
    return None


def _remember(call: RTCCall, status: RecordStatus) -> None:
    cache.set(_key(call), status.value, KEPT_SECONDS)


def _key(call: RTCCall) -> str:
    return f"console-rtc.{call.room_id}.{call.task_id}"
