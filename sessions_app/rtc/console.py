"""RTC for development: says what it would have asked of BytePlus."""

import logging

from sessions_app.rtc.base import RecordRequest, check_record_request

logger = logging.getLogger(__name__)


class ConsoleRTC:
    """Logs each request; records nothing."""

    def start_record(self, request: RecordRequest) -> None:
        """Log the request."""
        check_record_request(request)
        logger.info("StartRecord room=%s task=%s streamer=%s", request.room_id, request.task_id, request.streamer_id)
