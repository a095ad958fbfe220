"""The RTC backend for tests. It keeps the calls, and checks ids as strictly as BytePlus does."""

from collections.abc import Iterable, Iterator
from threading import Lock

from sessions_app.rtc.base import (
    GetRecordTask,
    RecordStatus,
    RecordTask,
    RTCCall,
    RTCResult,
    StartRecord,
    StopRecord,
    TaskName,
    name_of,
    one_by_one,
)


class LocmemRTC:
    """Keeps in `started` and `stopped` the calls that had an effect, and in `tasks` the status of recordings."""

    def __init__(self) -> None:
        self.started: list[StartRecord] = []
        self.stopped: list[StopRecord] = []
        self.tasks: dict[TaskName, RecordTask] = {}
        self._lock = Lock()

    def send(self, calls: Iterable[RTCCall]) -> Iterator[RTCResult]:
        """Apply the calls to the kept recordings, and keep the calls that have an effect."""
        return one_by_one(calls, self._make)

    def clear(self) -> None:
        """Forget all calls and recordings."""
        self.started.clear()
        self.stopped.clear()
        self.tasks.clear()

    def _make(self, call: RTCCall) -> RecordTask | None:
        name = name_of(call)
        with self._lock:
            task = self.tasks.get(name, RecordTask(RecordStatus.UNKNOWN))
            runs = task.status == RecordStatus.RUNNING
            match call:
                case GetRecordTask():
                    return task
                case StartRecord() if not runs:
                    self.started.append(call)
                    self.tasks[name] = RecordTask(RecordStatus.RUNNING)
                case StopRecord() if runs:
                    self.stopped.append(call)
                    self.tasks[name] = RecordTask(RecordStatus.ENDED, stop_reason="StopByAPI")
        return None
