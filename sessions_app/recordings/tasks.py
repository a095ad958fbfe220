"""The tasks that start, stop and check the recordings of many shows at once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from django.conf import settings

from config import clock
from config.errors import TransportError
from goals.models import TimelineKind
from goals.timeline import record
from mongodb.transactions import run_in_transaction
from sessions_app.models import Recording, RecordingState
from sessions_app.recordings.calls import make_calls
from sessions_app.recordings.checks import UNCONFIRMED, NextCall, decide, gives_up
from sessions_app.recordings.files import provider_fields
from sessions_app.recordings.moves import Moves, begin_attempts
from sessions_app.recordings.state import (
    CHECK_SECONDS,
    CONFIRM_AFTER,
    UNFINISHED,
    due_checks,
    find_recordings,
    is_stoppable,
    task_id,
)
from sessions_app.rtc.base import GetRecordTask, RecordStatus, RecordTask, RTCCall, RTCResult, StartRecord, StopRecord
from taskqueue.calls import Call, Outcome
from taskqueue.durable import bulk, durable
from taskqueue.periodic import every
from taskqueue.queues import Queue

# The most calls in one batch. Batches of starts are large, because BytePlus gets no calls between two batches. They are
# small enough for BytePlus to take all calls of a batch within ten seconds.
MOST_STARTS = min(200, 10 * settings.BYTEPLUS_QPS or 200)
# Batches of stops and checks are small, because a start that becomes due meanwhile has to wait until the batch ends.
MOST_STOPS = min(60, MOST_STARTS)
MOST_CHECKS = min(20, MOST_STARTS)

# A function that processes the result of one call in the open transaction. The string is the id of the show. The
# datetime is when the results had arrived.
Settle = Callable[[Moves, str, RTCResult, datetime], Outcome]


@bulk(Queue.RECORD, most=MOST_STARTS, rank=0)
def start_record(calls: Sequence[Call]) -> Sequence[Outcome]:
    """Ask BytePlus to record the rooms (StartRecord). Idempotent, because a show always has the same task id.

    The arguments of a call are the ids of the show, the session and the streamer.

    Flow: goal.started -> record_show_with_rtc -> StartRecord
    """

    def to_ask(recording: Recording) -> RTCCall:
        name = task_id(str(recording.pk))
        return StartRecord(room_id=recording.session_id, task_id=name, streamer_id=recording.streamer_id)

    begun = begin_attempts(_goal_ids(calls), now=clock.now())
    return _ask(calls, begun, to_ask, _started, otherwise="not_startable")


@bulk(Queue.RECORD, most=MOST_STOPS, rank=1)
def stop_record(calls: Sequence[Call]) -> Sequence[Outcome]:
    """Ask BytePlus to stop recording the rooms (StopRecord). Idempotent: a recording that is over counts as stopped.

    The arguments of a call are the ids of the show and the session.

    Flow: goal.ended -> stop_recording_with_rtc -> StopRecord
    """

    def to_ask(recording: Recording) -> RTCCall:
        return StopRecord(room_id=recording.session_id, task_id=task_id(str(recording.pk)))

    found = find_recordings(_goal_ids(calls))
    stoppable = {goal_id: recording for goal_id, recording in found.items() if is_stoppable(recording)}
    return _ask(calls, stoppable, to_ask, _stopped, otherwise="not_stoppable")


@bulk(Queue.RECORD, most=MOST_CHECKS, rank=2)
def check_recording(calls: Sequence[Call]) -> Sequence[Outcome]:
    """Ask BytePlus for the status of recordings (GetRecordTask), and act on the responses. Idempotent.

    The argument of a call is the id of the show.
    """

    def to_ask(recording: Recording) -> RTCCall:
        return GetRecordTask(room_id=recording.session_id, task_id=task_id(str(recording.pk)))

    found = find_recordings(_goal_ids(calls))
    unfinished = {goal_id: recording for goal_id, recording in found.items() if recording.state in UNFINISHED}
    return _ask(calls, unfinished, to_ask, partial(_follow, unfinished), otherwise="nothing_to_check")


@durable
def check_recordings() -> int:
    """Queue a check of each recording that is due for one. Return how many checks were queued."""

    def claim() -> int:
        due = due_checks(now=clock.now())
        for goal_id in due:
            check_recording.enqueue(goal_id, subject=goal_id)
        return len(due)

    return run_in_transaction(claim)


def _goal_ids(calls: Sequence[Call]) -> list[str]:
    return [str(call.args[0]) for call in calls]


def _ask(
    calls: Sequence[Call],
    recordings: Mapping[str, Recording],
    to_ask: Callable[[Recording], RTCCall],
    settle: Settle,
    *,
    otherwise: str,
) -> list[Outcome]:
    """Make calls to BytePlus about the recordings, and store the results in one transaction.

    Return an outcome for each of `calls`. BytePlus is asked once about each recording, in the order of `calls`. If
    `recordings` has no recording for a call, the outcome is `otherwise`.
    """
    asked = {goal_id: to_ask(recordings[goal_id]) for goal_id in _goal_ids(calls) if goal_id in recordings}
    if not asked:
        return [otherwise] * len(calls)
    results = make_calls(list(asked.values()))
    now = clock.now()

    def block() -> list[Outcome]:
        moves = Moves(asked)
        outcomes: dict[str, Outcome] = {}
        for call in calls:
            goal_id = str(call.args[0])
            if goal_id in asked and goal_id not in outcomes:
                with call.for_its_request():
                    outcomes[goal_id] = settle(moves, goal_id, results[asked[goal_id]], now)
            if not isinstance(outcomes.get(goal_id), Exception):
                call.delete_at_commit()
        moves.write()
        return [outcomes.get(goal_id, otherwise) for goal_id in _goal_ids(calls)]

    return run_in_transaction(block)


def _started(moves: Moves, goal_id: str, result: RTCResult, now: datetime) -> Outcome:
    if result.error:
        moves.note_failure(goal_id, "StartRecord", result.error, now=now)
        return result.error
    check_at = now + CONFIRM_AFTER
    to = RecordingState.STARTED
    if moves.move(goal_id, RecordingState.REQUESTED, to=to, action="StartRecord", now=now, check_at=check_at):
        return "started"
    current = moves.recordings.get(goal_id)
    if current is not None and current.state == RecordingState.STARTED:
        return "started"
    # The show ended during the call, and its StopRecord may have reached BytePlus before this start.
    stop_record.enqueue(goal_id, result.call.room_id, subject=goal_id)
    return "ended_meanwhile"


def _stopped(moves: Moves, goal_id: str, result: RTCResult, now: datetime) -> Outcome:
    if result.error:
        moves.note_failure(goal_id, "StopRecord", result.error, now=now)
        return result.error
    unstopped = (RecordingState.REQUESTED, RecordingState.STARTED, RecordingState.FAILED)
    check_at = now + CONFIRM_AFTER
    moves.move(goal_id, *unstopped, to=RecordingState.STOPPED, action="StopRecord", now=now, check_at=check_at)
    return "stopped"


def _follow(
    asked_about: Mapping[str, Recording], moves: Moves, goal_id: str, result: RTCResult, now: datetime
) -> Outcome:
    """Act on the response of GetRecordTask, unless the recording's state has changed since BytePlus was asked."""
    recording = asked_about[goal_id]
    if result.error:
        final = TransportError(UNCONFIRMED, permanent=True) if gives_up(recording, now=now) else result.error
        moves.note_failure(goal_id, "GetRecordTask", final, now=now)
        return result.error
    task = result.task or RecordTask(RecordStatus.UNKNOWN)
    decision = decide(recording, task, is_on=goal_id in moves.shows_on, now=now)
    confirmed = task.status == RecordStatus.RUNNING and recording.confirmed_at is None
    moved = moves.move(
        goal_id,
        RecordingState(recording.state),
        to=decision.to,
        action="GetRecordTask",
        now=now,
        check_at=now + decision.check_in if decision.check_in else None,
        error=decision.error,
        provider=provider_fields(task, known=moves.files(goal_id)),
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


every(CHECK_SECONDS, check_recordings)
