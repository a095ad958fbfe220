"""The port to the RTC vendor: what we ask of it, whoever answers."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from sessions_app.rtc.limits import check_id


@dataclass(frozen=True)
class RecordRequest:
    """Record what the streamer shows in a room.

    `task_id` names the recording: asking twice with the same one starts it once. So derive it from the goal's id.
    """

    room_id: str
    task_id: str
    streamer_id: str


@dataclass(frozen=True)
class StopRequest:
    """Names a recording: to stop it, or to ask about it."""

    room_id: str
    task_id: str


class RecordStatus(IntEnum):
    """How a recording is, in the vendor's numbers. UNKNOWN also stands for one that the vendor doesn't know."""

    UNKNOWN = 0
    NOT_STARTED = 1
    RUNNING = 2
    ENDED = 3
    FAILED = 4


@dataclass(frozen=True)
class RecordedFile:
    """A file of a recording: `vid` in the vendor's video store, else `object_key` in a bucket."""

    vid: str = ""
    object_key: str = ""
    duration_ms: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class RecordTask:
    """What the vendor says of a recording; nothing else of its answer is kept."""

    status: RecordStatus
    stop_reason: str = ""
    files: tuple[RecordedFile, ...] = ()


class RTC(Protocol):
    """What a backend can do. It raises only TransportError."""

    def start_record(self, request: RecordRequest) -> None:
        """Start the recording. A recording that runs already is a success."""

    def stop_record(self, request: StopRequest) -> None:
        """Stop the recording. One that is over, or never ran, is a success."""

    def get_record_task(self, request: StopRequest) -> RecordTask:
        """Return how the recording is. The vendor knows those of the last 72 hours."""


def check_record_request(request: RecordRequest) -> None:
    """Raise a permanent TransportError unless the vendor accepts all ids."""
    check_id("room_id", request.room_id)
    check_id("task_id", request.task_id)
    check_id("streamer_id", request.streamer_id)


def check_stop_request(request: StopRequest) -> None:
    """Raise a permanent TransportError unless the vendor accepts all ids."""
    check_id("room_id", request.room_id)
    check_id("task_id", request.task_id)
