"""`decide` returns the right decision for each response of GetRecordTask."""

from datetime import timedelta

import pytest

from sessions_app.models import Recording, RecordingState
from sessions_app.recordings.checks import GIVE_UP_AFTER, Decision, NextCall, decide
from sessions_app.rtc.base import RecordStatus, RecordTask
from tests.factories.moments import NOW

REQUESTED, STARTED, STOPPED = RecordingState.REQUESTED, RecordingState.STARTED, RecordingState.STOPPED
VERIFIED, FAILED = RecordingState.VERIFIED, RecordingState.FAILED
MINUTE, FIVE = timedelta(minutes=1), timedelta(minutes=5)
UNKNOWN, NOT_STARTED, RUNNING, ENDED, BROKEN = RecordStatus

START_AGAIN = {
    status: Decision(REQUESTED, FIVE, f"BytePlus says: {words}.", NextCall.START)
    for status, words in {UNKNOWN: "unknown", ENDED: "ended", BROKEN: "failed"}.items()
}
RUNS = Decision(STARTED, FIVE)
WAIT = Decision(STOPPED, FIVE, "before")


@pytest.mark.parametrize(
    ("state", "status", "decision"),
    [
        (STARTED, RUNNING, RUNS),
        (STARTED, NOT_STARTED, Decision(STARTED, MINUTE)),
        *((STARTED, status, decision) for status, decision in START_AGAIN.items()),
        (REQUESTED, RUNNING, RUNS),
        *(
            (REQUESTED, status, Decision(REQUESTED, FIVE, "before", NextCall.START))
            for status in RecordStatus
            if status != 2
        ),
    ],
)
def test_recording_is_started_again_while_the_show_is_live(
    state: RecordingState, status: RecordStatus, decision: Decision
) -> None:
    recording = Recording(state=state, error="before", started_at=NOW)
    assert decide(recording, RecordTask(status), is_on=True, now=NOW) == decision


@pytest.mark.parametrize("state", [REQUESTED, STARTED])
@pytest.mark.parametrize("status", list(RecordStatus))
def test_running_recording_is_stopped_after_the_show(state: RecordingState, status: RecordStatus) -> None:
    recording = Recording(state=state, error="before", started_at=NOW)
    decision = decide(recording, RecordTask(status), is_on=False, now=NOW)
    assert decision == Decision(state, MINUTE, "before", NextCall.STOP)


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        (UNKNOWN, WAIT),
        (NOT_STARTED, WAIT),
        (RUNNING, Decision(STOPPED, MINUTE, "before", NextCall.STOP)),
        (ENDED, Decision(VERIFIED)),
        (BROKEN, Decision(FAILED, error="BytePlus says: failed (StartTaskFailed).")),
    ],
)
def test_answer_of_the_vendor_decides_about_a_stopped_recording(status: RecordStatus, decision: Decision) -> None:
    recording = Recording(state=STOPPED, error="before", started_at=NOW, stopped_at=NOW)
    task = RecordTask(status, stop_reason="StartTaskFailed" if status == BROKEN else "")
    assert decide(recording, task, is_on=False, now=NOW + MINUTE) == decision


@pytest.mark.parametrize("status", [UNKNOWN, NOT_STARTED])
@pytest.mark.parametrize("error", ["", "before"])
def test_recording_that_was_never_started_fails(status: RecordStatus, error: str) -> None:
    recording = Recording(state=STOPPED, error=error, started_at=None, stopped_at=NOW)
    decision = decide(recording, RecordTask(status), is_on=False, now=NOW)
    assert decision == Decision(FAILED, error=error or "The recording was never started.")


@pytest.mark.parametrize("status", [UNKNOWN, NOT_STARTED])
def test_recording_that_stays_unknown_fails_after_a_day(status: RecordStatus) -> None:
    recording = Recording(state=STOPPED, started_at=NOW, stopped_at=NOW)
    decision = decide(recording, RecordTask(status), is_on=False, now=NOW + GIVE_UP_AFTER)
    assert decision == Decision(FAILED, error="BytePlus never confirmed that the show was recorded.")
