"""RTC for tests: remembers what it was asked, as strict about ids as BytePlus."""

from threading import Lock

from sessions_app.rtc.base import RecordRequest, check_record_request


class LocmemRTC:
    """Keeps the recordings that run in `started`, each once."""

    def __init__(self) -> None:
        self.started: list[RecordRequest] = []
        self._lock = Lock()

    def start_record(self, request: RecordRequest) -> None:
        """Remember the request, unless that room's task runs already."""
        check_record_request(request)
        with self._lock:
            if all((request.room_id, request.task_id) != (known.room_id, known.task_id) for known in self.started):
                self.started.append(request)

    def clear(self) -> None:
        """Forget all recordings."""
        self.started.clear()
