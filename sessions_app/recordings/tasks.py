"""The tasks that start, stop and check the recording of a show."""

from datetime import UTC, datetime

from config.errors import TransportError
from goals.models import TimelineKind
from goals.timeline import record
from mongodb.transactions import run_in_transaction
from sessions_app.models import Recording, RecordingState
from sessions_app.recordings.checks import UNCONFIRMED, Decision, NextCall, decide, gives_up
from sessions_app.recordings.state import (
    CONFIRM_AFTER,
    UNFINISHED,
    begin_attempt,
    due_checks,
    find_recording,
    is_on,
    is_stoppable,
    known_files,
    move,
    note_failure,
    provider_fields,
    task_name,
)
from sessions_app.rtc import get_rtc
from sessions_app.rtc.base import GetRecordTask, RecordStatus, RecordTask, RTCCall, StartRecord, StopRecord
from taskqueue.durable import durable
from taskqueue.periodic import every


@durable
def start_record(goal_id: str, session_id: str, streamer_id: str) -> str:
    """Ask BytePlus to record the room (StartRecord). Idempotent, because BytePlus knows the task id.

    Flow: goal.started -> record_show_with_rtc -> StartRecord
    """
    now = datetime.now(UTC)
    recording = begin_attempt(goal_id, now=now) if is_on(goal_id) else None
    if recording is None:
        return "not_startable"
    name = task_name(goal_id, session_id)
    try:
        _send(StartRecord(room_id=name.room_id, task_id=name.task_id, streamer_id=streamer_id))
    except TransportError as error:
        note_failure(recording, "StartRecord", error, now=now)
        raise
    return run_in_transaction(lambda: _started(recording, now=now))


@durable
def stop_record(goal_id: str, session_id: str) -> str:
    """Ask BytePlus to stop recording the room (StopRecord). Idempotent: a recording that is over counts as stopped.

    Flow: goal.ended -> stop_recording_with_rtc -> StopRecord
    """
    now = datetime.now(UTC)
    recording = find_recording(goal_id)
    if recording is None or not is_stoppable(recording):
        return "not_stoppable"
    try:
        name = task_name(goal_id, session_id)
        _send(StopRecord(room_id=name.room_id, task_id=name.task_id))
    except TransportError as error:
        note_failure(recording, "StopRecord", error, now=now)
        raise
    return run_in_transaction(lambda: _stopped(recording, now=now))


@durable
def check_recording(goal_id: str) -> str:
    """Ask BytePlus for the status of the show's recording (GetRecordTask), and act on the answer. Idempotent."""
    now = datetime.now(UTC)
    recording = find_recording(goal_id)
    if recording is None or recording.state not in UNFINISHED:
        return "nothing_to_check"
    try:
        name = task_name(goal_id, recording.session_id)
        task = _send(GetRecordTask(room_id=name.room_id, task_id=name.task_id))
    except TransportError as error:
        final = TransportError(UNCONFIRMED, permanent=True) if gives_up(recording, now=now) else error
        note_failure(recording, "GetRecordTask", final, now=now)
        raise
    decision = decide(recording, task, is_on=is_on(goal_id), now=now)
    return run_in_transaction(lambda: _follow(recording, task, decision, now=now))


@durable
def check_recordings() -> int:
    """Queue a check of each recording that is due for one. Return how many checks were queued."""

    def claim() -> int:
        due = due_checks(now=datetime.now(UTC))
        for goal_id in due:
            check_recording.enqueue(goal_id, subject=goal_id)
        return len(due)

    return run_in_transaction(claim)


def _send(call: RTCCall) -> RecordTask:
    (result,) = get_rtc().send([call])
    if result.error is not None:
        raise result.error
    return result.task or RecordTask(RecordStatus.UNKNOWN)


def _started(recording: Recording, *, now: datetime) -> str:
    check_at = now + CONFIRM_AFTER
    to = RecordingState.STARTED
    if move(recording, RecordingState.REQUESTED, to=to, action="StartRecord", now=now, check_at=check_at):
        return "started"
    current = find_recording(str(recording.pk))
    if current is not None and current.state == RecordingState.STARTED:
        return "started"
    # The show ended during the call, and its StopRecord may have reached BytePlus before this start.
    stop_record.enqueue(str(recording.pk), recording.session_id, subject=str(recording.pk))
    return "ended_meanwhile"


def _stopped(recording: Recording, *, now: datetime) -> str:
    unstopped = (RecordingState.REQUESTED, RecordingState.STARTED, RecordingState.FAILED)
    check_at = now + CONFIRM_AFTER
    move(recording, *unstopped, to=RecordingState.STOPPED, action="StopRecord", now=now, check_at=check_at)
    return "stopped"


def _follow(recording: Recording, task: RecordTask, decision: Decision, *, now: datetime) -> str:
    goal_id = str(recording.pk)
    confirmed = task.status == RecordStatus.RUNNING and recording.confirmed_at is None
    moved = move(
        recording,
        RecordingState(recording.state),
        to=decision.to,
        action="GetRecordTask",
        now=now,
        check_at=now + decision.check_in if decision.check_in else None,
        error=decision.error,
        provider=provider_fields(task, known=known_files(goal_id)),
        **({"confirmed_at": now} if confirmed else {}),
    )
    if not moved:
        return "moved_meanwhile"
    if confirmed:
        record(goal_id, TimelineKind.RECORDING, "GetRecordTask", "running")
    if decision.next_call == NextCall.START:
        start_record.enqueue(goal_id, recording.session_id, recording.streamer_id, subject=goal_id)
    if decision.next_call == NextCall.STOP:
        stop_record.enqueue(goal_id, recording.session_id, subject=goal_id)
    return decision.to.value


every(15, check_recordings)
