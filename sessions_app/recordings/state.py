"""The states of a show's recording: requested -> started -> stopped -> verified, or failed.

While the show is on, a recording that does not run is started again. After the show, GetRecordTask's answer decides
whether it is verified. Every change is conditional on the former state, and is written to the show's timeline.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from config.errors import TransportError
from goals.kinds import GoalKind
from goals.models import TimelineKind
from goals.states import LIVE
from goals.timeline import record
from mongodb.collections import collection
from mongodb.documents import instance
from mongodb.transactions import insert_at_commit, run_in_transaction
from sessions_app.models import Recording, RecordingState
from sessions_app.rtc.answers import MAX_FILES
from sessions_app.rtc.base import RecordTask, TaskName

logger = logging.getLogger(__name__)

File = dict[str, Any]

RECORDINGS = Recording._meta.db_table
# After this time the server asks BytePlus about a start or a stop that is not confirmed.
CONFIRM_AFTER = timedelta(minutes=1)
# Longer than the pauses of the queue, which are a minute at most: it has tried again before BytePlus is asked.
RETRY_AFTER = timedelta(minutes=5)
CHECKED_AT_ONCE = 1000

UNFINISHED = (RecordingState.REQUESTED, RecordingState.STARTED, RecordingState.STOPPED)
# The states that a permanent error of the call turns into failed. An error of GetRecordTask says nothing about a
# running recording.
_ENDED_BY: dict[str, tuple[RecordingState, ...]] = {
    "StartRecord": (RecordingState.REQUESTED,),
    "StopRecord": UNFINISHED,
    "GetRecordTask": (RecordingState.STOPPED,),
}
_TIMES = {
    RecordingState.STARTED: "started_at",
    RecordingState.STOPPED: "stopped_at",
    RecordingState.VERIFIED: "verified_at",
    RecordingState.FAILED: "failed_at",
}


def task_name(goal_id: str, session_id: str) -> TaskName:
    """Return the vendor's name for the show's recording. The room is the session."""
    return TaskName(room_id=session_id, task_id=f"show-{goal_id}")


def goal_of_task(task_id: str) -> str | None:
    """Return the id of the show whose recording has this task id, or None if the task is not ours."""
    goal_id = task_id.removeprefix("show-")
    return goal_id if goal_id != task_id and ObjectId.is_valid(goal_id) else None


def request_recording(goal_id: str, *, session_id: str, streamer_id: str, now: datetime) -> None:
    """Insert the show's recording when the open transaction, which starts the show, commits."""
    times = {"started_at": None, "confirmed_at": None, "stopped_at": None, "verified_at": None, "failed_at": None}
    insert_at_commit(
        RECORDINGS,
        {
            "_id": ObjectId(goal_id),
            "session_id": session_id,
            "streamer_id": streamer_id,
            "state": RecordingState.REQUESTED.value,
            "attempts": 0,
            "error": "",
            "provider": {},
            "requested_at": now,
            **times,
            "check_at": now + RETRY_AFTER,
        },
    )


def find_recording(goal_id: str) -> Recording | None:
    """Return the show's recording, or None if it has none."""
    return Recording.objects.filter(pk=goal_id).first()


def has_media(goal_id: str) -> bool:
    """Tell whether the show's recording has a file."""
    recorded = {"_id": ObjectId(goal_id), "provider.files.0": {"$exists": True}}
    return collection(RECORDINGS).find_one(recorded, {"_id": True}) is not None


def is_on(goal_id: str) -> bool:
    """Tell whether the show has started and not ended. Only such a show is recorded."""
    live = {"_id": ObjectId(goal_id), **LIVE.condition(GoalKind.SHOW)}
    return collection("goals").find_one(live, {"_id": True}) is not None


def is_stoppable(recording: Recording) -> bool:
    """Tell whether BytePlus may still be recording. It is not if it is verified, or failed before it started."""
    return recording.state in UNFINISHED or (
        recording.state == RecordingState.FAILED and recording.started_at is not None
    )


def begin_attempt(goal_id: str, *, now: datetime) -> Recording | None:
    """Count an attempt to start the recording. Return None if its state forbids that.

    A failed recording may be started again: staff can rerun the task.
    """
    startable = {"$in": [RecordingState.REQUESTED.value, RecordingState.FAILED.value]}
    changes = {"state": RecordingState.REQUESTED.value, "failed_at": None, "check_at": now + RETRY_AFTER}
    begun = collection(RECORDINGS).find_one_and_update(
        {"_id": ObjectId(goal_id), "state": startable},
        {"$inc": {"attempts": 1}, "$set": changes},
        return_document=ReturnDocument.AFTER,
    )
    return instance(Recording, begun) if begun else None


def move(
    recording: Recording,
    *expected: RecordingState,
    to: RecordingState,
    action: str,
    now: datetime,
    check_at: datetime | None = None,
    error: str = "",
    **changes: Any,
) -> bool:
    """Change the state if it is one of those expected. Return False if it is another, because another task moved it.

    Runs in the caller's transaction.
    """
    values = {"state": to.value, "check_at": check_at, "error": error[:200], **changes}
    if to in _TIMES and to not in expected:
        values[_TIMES[to]] = now
    before = collection(RECORDINGS).find_one_and_update(
        {"_id": recording.pk, "state": {"$in": [state.value for state in expected]}},
        {"$set": values},
        projection={"state": True},
        return_document=ReturnDocument.BEFORE,
    )
    if before and before["state"] != to.value:
        record(str(recording.pk), TimelineKind.RECORDING, action, to.value, error)
        if to == RecordingState.FAILED:
            logger.error("recording failed goal=%s action=%s error=%s", recording.pk, action, error)
    return before is not None


def note_failure(recording: Recording, action: str, error: TransportError, *, now: datetime) -> None:
    """Store the error. A permanent error fails the recording, because the same call would fail again."""
    text = str(error.detail)
    noted: dict[str, Any] = {"error": text[:200]}
    if error.permanent:
        failed = RecordingState.FAILED
        if run_in_transaction(
            lambda: move(recording, *_ENDED_BY[action], to=failed, action=action, now=now, error=text)
        ):
            return
    if error.permanent and action == "GetRecordTask":
        noted["check_at"] = None
    collection(RECORDINGS).update_one({"_id": recording.pk}, {"$set": noted})


def due_checks(*, now: datetime) -> list[str]:
    """Claim the recordings whose check is due, and return the ids of their shows. Runs in the caller's transaction."""
    due = [
        found["_id"]
        for found in collection(RECORDINGS).find({"check_at": {"$lte": now}}, {"_id": True}).limit(CHECKED_AT_ONCE)
    ]
    if due:
        claimed = {"$set": {"check_at": now + RETRY_AFTER}}
        collection(RECORDINGS).update_many({"_id": {"$in": due}, "check_at": {"$lte": now}}, claimed)
    return [str(goal_id) for goal_id in due]


def known_files(goal_id: str) -> list[File]:
    """Return the files that are stored so far. Call it in the transaction that adds to them."""
    stored = collection(RECORDINGS).find_one({"_id": ObjectId(goal_id)}, {"provider.files": True})
    return list(stored["provider"].get("files", ())) if stored else []


def provider_fields(task: RecordTask, *, known: Sequence[File]) -> dict[str, Any]:
    """Return the fields of the vendor's answer that are stored. `known` are the files that are stored already.

    A recording that is started again has the same task id, and from then on the vendor lists only the new files.
    """
    return {
        "status": task.status.name.lower(),
        "stop_reason": task.stop_reason,
        "files": _merged(known, [asdict(file) for file in task.files])[:MAX_FILES],
    }


def _merged(known: Sequence[File], told: Sequence[File]) -> list[File]:
    """Return the known files, each updated from the answer, followed by the new files."""
    files = [dict(file) for file in known]
    for file in told:
        if same := next((other for other in files if _is_same(file, other)), None):
            same |= {name: value for name, value in file.items() if value}
        else:
            files.append(file)
    return files


def _is_same(one: File, other: File) -> bool:
    """Tell whether both have the same name in the vendor's video store or in the bucket, or are equal."""
    return one == other or any(one[name] and one[name] == other[name] for name in ("vid", "object_key"))
