"""The port to an RTC vendor: the requests that every backend understands."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from sessions_app.rtc.limits import check_id


@dataclass(frozen=True)
class RecordRequest:
    """A request to record what the streamer publishes in a room.

    `task_id` names the recording: two requests with the same id start it once, so derive it from the goal's id.
    """

    room_id: str
    task_id: str
    streamer_id: str


@dataclass(frozen=True)
class StopRequest:
    """The name of a recording that is to be stopped or looked up."""

    room_id: str
    task_id: str


class RecordStatus(IntEnum):
    """The status of a recording, in the vendor's numbers. UNKNOWN includes recordings that the vendor doesn't know."""

    UNKNOWN = 0
    NOT_STARTED = 1
    RUNNING = 2
    ENDED = 3
    FAILED = 4


@dataclass(frozen=True)
class RecordedFile:
    """A file of a recording: `vid` names it in the vendor's video store, `object_key` in a bucket."""

    vid: str = ""
    object_key: str = ""
    duration_ms: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class RecordTask:
    """What the vendor says of a recording. The rest of its answer is dropped."""

    status: RecordStatus
    stop_reason: str = ""
    files: tuple[RecordedFile, ...] = ()


class RTC(Protocol):
    """What a backend does. It raises only TransportError."""

    def start_record(self, request: RecordRequest) -> None:
        """Start the recording. Idempotent: a recording that runs already counts as started."""

    def stop_record(self, request: StopRequest) -> None:
        """Stop the recording. Idempotent: a recording that is over, or never ran, counts as stopped."""

    def get_record_task(self, request: StopRequest) -> RecordTask:
        """Return the status of the recording. The vendor forgets it after 72 hours."""


def check_record_request(request: RecordRequest) -> None:
    """Raise a permanent TransportError unless the vendor accepts all ids."""
    check_id("room_id", request.room_id)
    check_id("task_id", request.task_id)
    check_id("streamer_id", request.streamer_id)


def check_stop_request(request: StopRequest) -> None:
    """Raise a permanent TransportError unless the vendor accepts all ids."""
    check_id("room_id", request.room_id)
    check_id("task_id", request.task_id)
