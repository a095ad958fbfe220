"""RTC for development: logs the requests that it would have sent to BytePlus."""

import logging

from django.core.cache import cache

from sessions_app.rtc.base import (
    RecordRequest,
    RecordStatus,
    RecordTask,
    StopRequest,
    check_record_request,
    check_stop_request,
)

logger = logging.getLogger(__name__)
KEPT_SECONDS = 3 * 24 * 60 * 60


class ConsoleRTC:
    """Logs each request and records nothing. The cache, which all processes share, holds the status of recordings."""

    def start_record(self, request: RecordRequest) -> None:
        """Log the request."""
        check_record_request(request)
        logger.info("StartRecord room=%s task=%s streamer=%s", request.room_id, request.task_id, request.streamer_id)
        _remember(request, RecordStatus.RUNNING)

    def stop_record(self, request: StopRequest) -> None:
        """Log the request."""
        check_stop_request(request)
        logger.info("StopRecord room=%s task=%s", request.room_id, request.task_id)
        if self.get_record_task(request).status == RecordStatus.RUNNING:
            _remember(request, RecordStatus.ENDED)

    def get_record_task(self, request: StopRequest) -> RecordTask:
        """Return the status that the last start or stop has set."""
        check_stop_request(request)
        status = RecordStatus(cache.get(_key(request), RecordStatus.UNKNOWN.value))
        return RecordTask(status, stop_reason="StopByAPI" if status == RecordStatus.ENDED else "")


def _remember(request: RecordRequest | StopRequest, status: RecordStatus) -> None:
    cache.set(_key(request), status.value, KEPT_SECONDS)


def _key(request: RecordRequest | StopRequest) -> str:
    return f"console-rtc.{request.room_id}.{request.task_id}"
