"""Changes the states of many recordings at once, with one read and one bulk write."""

import logging
from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from config.errors import TransportError
from goals.models import DEFERRED, Goal, TimelineKind
from goals.signals import announce
from goals.timeline import record
from mongodb.collections import collection
from mongodb.documents import find
from sessions_app.models import Recording, RecordingState
from sessions_app.recordings.files import File
from sessions_app.recordings.signals import SIGNALS, RecordingMoved
from sessions_app.recordings.state import RECORDINGS, RETRY_AFTER, UNFINISHED, find_recordings, shows_on

logger = logging.getLogger(__name__)

# For each call, the states in which a permanent error of the call makes the recording fail. An error of GetRecordTask
# says nothing about a running recording.
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


def begin_attempts(goal_ids: Collection[str], *, now: datetime) -> dict[str, Recording]:
    """Count an attempt for each recording that can be started, and return these recordings by the show's id.

    A recording can be started only while its show is live. A failed recording can be started, too, because staff can
    run the task again.
    """
    pks = [ObjectId(goal_id) for goal_id in shows_on(goal_ids)]
    if not pks:
        return {}
    startable = {"$in": [RecordingState.REQUESTED.value, RecordingState.FAILED.value]}
    changes = {"state": RecordingState.REQUESTED.value, "failed_at": None, "check_at": now + RETRY_AFTER}
    collection(RECORDINGS).update_many(
        {"_id": {"$in": pks}, "state": startable}, {"$inc": {"attempts": 1}, "$set": changes}
    )
    begun = find(Recording, {"_id": {"$in": pks}, "state": RecordingState.REQUESTED.value})
    return {str(recording.pk): recording for recording in begun}


class Moves:
    """Collects changes to the states of some recordings. `write` stores them in the open transaction.

    `recordings` maps the ids of the shows to the recordings, as the transaction has found them.
    """

    def __init__(self, goal_ids: Collection[str]) -> None:
        self._goal_ids = goal_ids
        self.recordings = find_recordings(goal_ids)
        self._writes: list[UpdateOne] = []

    @cached_property
    def shows_on(self) -> frozenset[str]:
        """Return the ids of those shows that are live."""
        return frozenset(shows_on(self._goal_ids))

    @cached_property
    def _goals(self) -> dict[str, Goal]:
        pks = [ObjectId(goal_id) for goal_id in self._goal_ids]
        return {str(goal.pk): goal for goal in find(Goal, {"_id": {"$in": pks}}, deferred=DEFERRED)}

    def files(self, goal_id: str) -> list[File]:
        """Return the stored files of the recording."""
        recording = self.recordings.get(goal_id)
        return list(recording.provider.get("files", ())) if recording else []

    def move(
        self,
        goal_id: str,
        *expected: RecordingState,
        to: RecordingState,
        action: str,
        now: datetime,
        check_at: datetime | None = None,
        error: str = "",
        **changes: Any,
    ) -> bool:
        """Give the recording the state `to`, and return True, if its state is one of `expected`.

        Return False if another task has changed the state meanwhile, or if there is no recording.
        """
        recording = self.recordings.get(goal_id)
        if recording is None or recording.state not in expected:
            return False
        values = {"state": to.value, "check_at": check_at, "error": error[:200], **changes}
        if to in _TIMES and to not in expected:
            values[_TIMES[to]] = now
        condition = {"_id": recording.pk, "state": recording.state}
        self._writes.append(UpdateOne(condition, {"$set": values}))
        if recording.state != to:
            record(goal_id, TimelineKind.RECORDING, action, to.value, error)
            if to == RecordingState.FAILED:
                logger.error("recording failed goal=%s action=%s error=%s", goal_id, action, error)
            self._announce(recording, to, error, changes.get("provider", recording.provider))
        return True

    def note_failure(self, goal_id: str, action: str, error: TransportError, *, now: datetime) -> None:
        """Store the error.

        In the states of _ENDED_BY, a permanent error makes the recording fail, because the same call would fail again.
        In the other states, a permanent error of GetRecordTask ends the checks of the recording.
        """
        text = str(error.detail)
        failed = RecordingState.FAILED
        if error.permanent and self.move(goal_id, *_ENDED_BY[action], to=failed, action=action, now=now, error=text):
            return
        noted: dict[str, Any] = {"error": text[:200]}
        if error.permanent and action == "GetRecordTask":
            noted["check_at"] = None
        self._writes.append(UpdateOne({"_id": ObjectId(goal_id)}, {"$set": noted}))

    def _announce(self, recording: Recording, to: RecordingState, error: str, provider: dict[str, Any]) -> None:
        """Announce the new state, if it has a signal."""
        signal, goal = SIGNALS.get(to), self._goals.get(str(recording.pk))
        if signal is None or goal is None:
            return
        told = {"attempts": recording.attempts, "error": error[:200], "files": provider.get("files", ())}
        announce(signal, RecordingMoved.of(goal, name=signal.name, state=to.value, **told))

    def write(self) -> None:
        """Write all changes. If another transaction has changed a recording meanwhile, this transaction runs again."""
        if self._writes:
            collection(RECORDINGS).bulk_write(self._writes, ordered=False)
