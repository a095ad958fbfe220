"""The states of a show's recording: requested -> started -> stopped -> verified, or failed.

During the show, a recording that does not run is started again. After the show, GetRecordTask's response decides
whether the recording is verified. Changes are conditional on the former state, and are written to the show's timeline.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from bson import ObjectId
from django.conf import settings

from goals.kinds import GoalKind
from goals.states import LIVE
from mongodb.collections import collection
from mongodb.documents import find
from mongodb.transactions import insert_at_commit
from sessions_app.models import Recording, RecordingState

RECORDINGS = Recording._meta.db_table
# This long after a start or a stop, the server asks BytePlus whether the call has worked.
CONFIRM_AFTER = timedelta(minutes=1)
# This long after any other step, the server asks BytePlus about the recording. The pauses between the queue's retries
# are shorter (a minute at most). So a failed task is retried before the server asks.
RETRY_AFTER = timedelta(minutes=5)
CHECK_SECONDS = 15
CHECKED_AT_ONCE = 1000

UNFINISHED = (RecordingState.REQUESTED, RecordingState.STARTED, RecordingState.STOPPED)


def task_id(goal_id: str) -> str:
    """Return the id by which BytePlus knows the show's recording."""
    return f"show-{goal_id}"


def goal_of_task(name: str) -> str | None:
    """Return the id of the show whose recording has this task id, or None if the id is not the task id of a show."""
    goal_id = name.removeprefix("show-")
    return goal_id if goal_id != name and ObjectId.is_valid(goal_id) else None


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
    return find_recordings([goal_id]).get(goal_id)


def find_recordings(goal_ids: Collection[str]) -> dict[str, Recording]:
    """Return the recordings of the shows, by the show's id."""
    found = find(Recording, {"_id": {"$in": [ObjectId(goal_id) for goal_id in goal_ids]}})
    return {str(recording.pk): recording for recording in found}


def has_media(goal_id: str) -> bool:
    """Tell whether the show's recording has a file."""
    recorded = {"_id": ObjectId(goal_id), "provider.files.0": {"$exists": True}}
    return collection(RECORDINGS).find_one(recorded, {"_id": True}) is not None


def shows_on(goal_ids: Collection[str]) -> list[str]:
    """Return the ids of those shows that are live. Only live shows are recorded."""
    pks = [ObjectId(goal_id) for goal_id in goal_ids]
    live = {"_id": {"$in": pks}, **LIVE.condition(GoalKind.SHOW)}
    return [str(goal["_id"]) for goal in collection("goals").find(live, {"_id": True})]


def is_stoppable(recording: Recording) -> bool:
    """Tell whether BytePlus may still be recording.

    BytePlus no longer records if the recording is verified, or if it failed before it had started.
    """
    return recording.state in UNFINISHED or (
        recording.state == RecordingState.FAILED and recording.started_at is not None
    )


def due_checks(*, now: datetime) -> list[str]:
    """Claim the recordings whose check is due, and return the ids of their shows. Runs in the caller's transaction.

    The number of claimed recordings is limited to the calls that BytePlus allows before `check_recordings` runs again.
    So the checks do not pile up, and no recording has two checks in the queue.
    """
    most = min(CHECKED_AT_ONCE, CHECK_SECONDS * settings.BYTEPLUS_QPS or CHECKED_AT_ONCE)
    is_due = {"check_at": {"$lte": now}}
    found = collection(RECORDINGS).find(is_due, {"_id": True}).sort("check_at", 1).limit(most)
    due = [recording["_id"] for recording in found]
    if due:
        claimed = {"$set": {"check_at": now + RETRY_AFTER}}
        collection(RECORDINGS).update_many({"_id": {"$in": due}, **is_due}, claimed)
    return [str(goal_id) for goal_id in due]
