"""The port to an RTC vendor: the calls that every backend understands."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Protocol

from config.errors import TransportError
from sessions_app.rtc.limits import check_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskName:
    """The two ids that together name a recording to the vendor."""

    room_id: str
    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecord(TaskName):
    """Record what the streamer publishes in the room. Idempotent: a recording that already runs counts as started.

    Two calls with the same `task_id` start only one recording, so callers derive the `task_id` from the goal's id.
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
    """The status of a recording. The numbers are the vendor's. A recording that the vendor doesn't know is UNKNOWN."""

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
    """What the product uses of the vendor's response about a recording. The rest of the response is dropped."""

    status: RecordStatus
    stop_reason: str = ""
    files: tuple[RecordedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class RTCResult:
    """The result of one call. If `error` is None, the vendor has carried out the call.

    `task` is the result of a successful GetRecordTask, and None otherwise.
    """

    call: RTCCall
    error: TransportError | None = None
    task: RecordTask | None = None


class RTC(Protocol):
    """The interface of a backend."""

    def send(self, calls: Iterable[RTCCall]) -> Iterator[RTCResult]:
        """Make the calls and yield the result of each, in any order. A call is taken from `calls` when it is made."""


def name_of(call: RTCCall) -> TaskName:
    """Return the name of the recording that the call is about."""
    return TaskName(room_id=call.room_id, task_id=call.task_id)


def check_call(call: RTCCall) -> None:
    """Raise a permanent TransportError unless the vendor accepts all ids of the call."""
    for field in fields(call):
        check_id(field.name, getattr(call, field.name))


def one_by_one(calls: Iterable[RTCCall], make_one: Callable[[RTCCall], RecordTask | None]) -> Iterator[RTCResult]:
    """Make the calls one after the other with `make_one`, and yield the result of each.

    A TransportError that `make_one` raises becomes the `error` of the result.
    """
    for call in calls:
        try:
            check_call(call)
            yield RTCResult(call, task=make_one(call))
        except TransportError as error:
            yield RTCResult(call, error)
