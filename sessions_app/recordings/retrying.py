"""Starts the failed recording of a live show again, at a person's request."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from api.audit import Author, record_change
from config.errors import ProductError, raises
from goals.models import Goal, TimelineKind
from goals.states import LIVE
from goals.timeline import record
from mongodb.collections import collection
from sessions_app.models import RecordingState
from sessions_app.recordings.state import RECORDINGS, RETRY_AFTER
from sessions_app.recordings.tasks import start_record


class RecordingNotFailed(ProductError):
    """The recording has not failed, or its show is not live."""

    code = "recording_not_failed"
    status = 409
    detail = _("Only a failed recording of a live show can be started again.")


@raises(RecordingNotFailed)
def retry_recording(goal_id: str, *, now: datetime, by: Author, reason: str = "", if_attempts: int) -> None:
    """Queue another start of the recording, and note it on the timeline and in the record of changes.

    Raises RecordingNotFailed unless the show is live and its recording has failed after `if_attempts` attempts. So a
    second call with the same `if_attempts` raises the error, and queues nothing. Runs in the caller's transaction.
    """
    show = Goal.objects.filter(pk=goal_id).first()
    if show is None or not LIVE.holds(show):
        raise RecordingNotFailed(goal_id=goal_id)
    failed = {"_id": show.pk, "state": RecordingState.FAILED.value, "attempts": if_attempts}
    again = {"state": RecordingState.REQUESTED.value, "failed_at": None, "check_at": now + RETRY_AFTER}
    recording = collection(RECORDINGS).find_one_and_update(failed, {"$set": again})
    if recording is None:
        raise RecordingNotFailed(goal_id=goal_id)
    start_record.enqueue(goal_id, recording["session_id"], recording["streamer_id"], subject=goal_id)
    record(goal_id, TimelineKind.RECORDING, "retry_recording", RecordingState.REQUESTED.value, str(by))
    before, after = {"state": recording["state"]}, {"state": RecordingState.REQUESTED.value}
    about = [show.metadata.user_id]
    record_change("retry_recording", show, by=by, before=before, after=after, about=about, reason=reason)
