"""The port to an RTC vendor: the calls that every backend understands."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Protocol

from config.errors import TransportError
from sessions_app.rtc.limits import check_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskName:
    """The vendor's name for a recording."""

    room_id: str
    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecord(TaskName):
    """Record what the streamer publishes in the room. Idempotent: a recording that already runs counts as started.

    Two calls with the same `task_id` start one recording, so derive the `task_id` from the goal's id.
    """

    streamer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRecord(TaskName):
    """Stop the recording. Idempotent: a recording that is over, or never ran, counts as stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRecordTask(TaskName):
    """Ask for the status of the recording. The vendor forgets a recording after 72 hours."""


RTCCall = StartRecord | StopRecord | GetRecordTask


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
    """The documented fields of a recording that the vendor returns. The rest of the response is dropped."""

    status: RecordStatus
    stop_reason: str = ""
    files: tuple[RecordedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class RTCResult:
    """The result of one call. If `error` is None, the vendor has carried out the call.

    `task` is the result of GetRecordTask.
    """

    call: RTCCall
    error: TransportError | None = None
    task: RecordTask | None = None


class RTC(Protocol):
    """The interface of a backend."""

    def send(self, calls: Iterable[RTCCall]) -> Iterator[RTCResult]:
        """Make the calls and yield the result of each, in any order. Take a call from `calls` only when making it."""


def name_of(call: RTCCall) -> TaskName:
    """Return the name of the call's recording."""
    return TaskName(room_id=call.room_id, task_id=call.task_id)


def check_call(call: RTCCall) -> None:
    """Raise a permanent TransportError unless the vendor accepts all ids."""
    for field in fields(call):
        check_id(field.name, getattr(call, field.name))


def one_by_one(calls: Iterable[RTCCall], make_one: Callable[[RTCCall], RecordTask | None]) -> Iterator[RTCResult]:
    """Make the calls one after the other with a function that raises TransportError. Yield the result of each."""
    for call in calls:
        try:
            check_call(call)
            yield RTCResult(call, task=make_one(call))
        except TransportError as error:
            yield RTCResult(call, error)
