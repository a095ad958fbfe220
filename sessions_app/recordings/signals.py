"""The signals of a show's recording. They are announced like those of its goal (goals/signals.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goals.payloads import GoalPayload
from goals.signals import GoalSignal
from sessions_app.models import RecordingState

# BytePlus has confirmed that it records the show, perhaps once more. Like the signals below, it is sent in the
# transaction that stores BytePlus' response; carries RecordingMoved.
recording_started = GoalSignal("recording.started")
# BytePlus was told to stop. Carries RecordingMoved.
recording_stopped = GoalSignal("recording.stopped")
# BytePlus has said that the recording is complete, and which files it has. Carries RecordingMoved.
recording_verified = GoalSignal("recording.verified")
# There is no recording, or BytePlus does not confirm it. Carries RecordingMoved.
recording_failed = GoalSignal("recording.failed")

SIGNALS = {
    RecordingState.STARTED: recording_started,
    RecordingState.STOPPED: recording_stopped,
    RecordingState.VERIFIED: recording_verified,
    RecordingState.FAILED: recording_failed,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingMoved(GoalPayload):
    """The arguments of all `recording.*`. `attempts` counts the attempts to start the recording; `error` may be ""."""

    name: str
    state: str
    attempts: int
    error: str
    files: Sequence[Mapping[str, Any]]
