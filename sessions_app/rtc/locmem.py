"""RTC for tests: keeps the requests, and is as strict about ids as BytePlus."""

from threading import Lock

from sessions_app.rtc.base import (
    RecordRequest,
    RecordStatus,
    RecordTask,
    StopRequest,
    check_record_request,
    check_stop_request,
)


class LocmemRTC:
    """Keeps in `started` and `stopped` the requests that had an effect, and in `tasks` the status of recordings."""

    def __init__(self) -> None:
        self.started: list[RecordRequest] = []
        self.stopped: list[StopRequest] = []
        self.tasks: dict[StopRequest, RecordTask] = {}
        self._lock = Lock()

    def start_record(self, request: RecordRequest) -> None:
        """Keep the request, unless the task runs already."""
        check_record_request(request)
        name = StopRequest(room_id=request.room_id, task_id=request.task_id)
        with self._lock:
            if not self._runs(name):
                self.started.append(request)
                self.tasks[name] = RecordTask(RecordStatus.RUNNING)

    def stop_record(self, request: StopRequest) -> None:
        """Keep the request if the task runs."""
        check_stop_request(request)
        with self._lock:
            if self._runs(request):
                self.stopped.append(request)
                self.tasks[request] = RecordTask(RecordStatus.ENDED, stop_reason="StopByAPI")

    def get_record_task(self, request: StopRequest) -> RecordTask:
        """Return the status of the task."""
        check_stop_request(request)
        return self.tasks.get(request, RecordTask(RecordStatus.UNKNOWN))

    def clear(self) -> None:
        """Forget all recordings."""
        self.started.clear()
        self.stopped.clear()
        self.tasks.clear()

    def _runs(self, name: StopRequest) -> bool:
        return name in self.tasks and self.tasks[name].status == RecordStatus.RUNNING
