"""The signals of a show's recording. They are announced like the signals of goals (goals/signals.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goals.payloads import GoalPayload
from goals.signals import GoalSignal
from sessions_app.models import RecordingState

# Each of these signals is sent in the transaction that stores BytePlus' response, and carries a RecordingMoved.

# BytePlus has accepted the call to start the recording, or has said that the recording runs. If the recording is
# started again, this signal is sent again.
recording_started = GoalSignal("recording.started")
# BytePlus has accepted the call to stop the recording.
recording_stopped = GoalSignal("recording.stopped")
# BytePlus has said that the recording is complete, and which files it has.
recording_verified = GoalSignal("recording.verified")
# The recording has failed, or BytePlus has not confirmed it.
recording_failed = GoalSignal("recording.failed")

SIGNALS = {
    RecordingState.STARTED: recording_started,
    RecordingState.STOPPED: recording_stopped,
    RecordingState.VERIFIED: recording_verified,
    RecordingState.FAILED: recording_failed,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingMoved(GoalPayload):
    """The arguments of the signals. `attempts` counts the attempts to start the recording; `error` may be ""."""

    name: str
    state: str
    attempts: int
    error: str
    files: Sequence[Mapping[str, Any]]
