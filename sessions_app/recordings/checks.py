"""Pure functions that decide what to do next, given a recording's state and GetRecordTask's response."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sessions_app.models import Recording, RecordingState
from sessions_app.recordings.state import CONFIRM_AFTER, RETRY_AFTER
from sessions_app.rtc.base import RecordStatus, RecordTask

# This is less than the 72 hours after which BytePlus forgets a recording.
GIVE_UP_AFTER = timedelta(hours=24)
UNCONFIRMED = "BytePlus never confirmed that the show was recorded."


class NextCall(StrEnum):
    """A call to BytePlus that has to be made again."""

    START = "StartRecord"
    STOP = "StopRecord"


@dataclass(frozen=True)
class Decision:
    """The next state, when to ask BytePlus again (None means never), the error to store, and the call to make now."""

    to: RecordingState
    check_in: timedelta | None = None
    error: str = ""
    next_call: NextCall | None = None


def decide(recording: Recording, task: RecordTask, *, is_on: bool, now: datetime) -> Decision:
    """Decide what to do about an unfinished recording after BytePlus' response. `is_on` is true if the show is live."""
    state = RecordingState(recording.state)
    if state == RecordingState.STOPPED:
        return _after_the_stop(recording, task, now=now)
    if not is_on:
        return Decision(state, CONFIRM_AFTER, recording.error, NextCall.STOP)
    if task.status == RecordStatus.RUNNING:
        return Decision(RecordingState.STARTED, RETRY_AFTER)
    if state == RecordingState.STARTED and task.status == RecordStatus.NOT_STARTED:
        return Decision(state, CONFIRM_AFTER)
    # If the latest start has not succeeded yet, the stored error says more than this response.
    error = recording.error if state == RecordingState.REQUESTED else _in_words(task)
    return Decision(RecordingState.REQUESTED, RETRY_AFTER, error, NextCall.START)


def gives_up(recording: Recording, *, now: datetime) -> bool:
    """Tell whether the recording was stopped so long ago that BytePlus is no longer asked about it."""
    return recording.stopped_at is not None and now - recording.stopped_at >= GIVE_UP_AFTER


def _after_the_stop(recording: Recording, task: RecordTask, *, now: datetime) -> Decision:
    if task.status == RecordStatus.ENDED:
        return Decision(RecordingState.VERIFIED)
    if task.status == RecordStatus.RUNNING:
        return Decision(RecordingState.STOPPED, CONFIRM_AFTER, recording.error, NextCall.STOP)
    if task.status == RecordStatus.FAILED:
        return Decision(RecordingState.FAILED, error=_in_words(task))
    if recording.started_at is None:
        return Decision(RecordingState.FAILED, error=recording.error or "The recording was never started.")
    if gives_up(recording, now=now):
        return Decision(RecordingState.FAILED, error=UNCONFIRMED)
    return Decision(RecordingState.STOPPED, RETRY_AFTER, recording.error)


def _in_words(task: RecordTask) -> str:
    reason = f" ({task.stop_reason})" if task.stop_reason else ""
    return f"BytePlus says: {task.status.name.lower()}{reason}."
