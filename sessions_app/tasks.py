"""What a session does outside the request: the feed, the recording."""

import logging

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from config.transactions import collection
from goals.models import Goal
from goals.timeline import TimelineKind, record
from sessions_app.models import LivestreamFeedEntry
from sessions_app.rtc import get_rtc
from sessions_app.rtc.base import RecordRequest
from taskqueue.durable import durable

logger = logging.getLogger(__name__)


@durable
def write_livestream_feed(goal_id: str) -> None:
    """Write the feed's entry of the goal's session, unless it shows a newer goal. Again: the same entry.

    Flow: goal.added -> generate_livestream_feed
    """
    goal = Goal.objects.get(pk=goal_id)
    entry = {
        "goal_id": goal_id,
        "goal_kind": goal.kind,
        "streamer_id": goal.metadata.user_id,
        "nbf": goal.nbf,
    }
    not_newer = {"_id": ObjectId(goal.conditions.session_id), "goal_id": {"$lte": goal_id}}
    try:
        collection(LivestreamFeedEntry._meta.db_table).update_one(not_newer, {"$set": entry}, upsert=True)
    except DuplicateKeyError:
        logger.info("feed shows a newer goal session=%s goal=%s", goal.conditions.session_id, goal_id)


@durable
def start_record(goal_id: str, session_id: str, streamer_id: str) -> None:
    """Ask BytePlus to record the room (StartRecord). Again: the vendor knows the task id and says so.

    Flow: goal.started -> record_show_with_rtc -> StartRecord
    """
    get_rtc().start_record(RecordRequest(room_id=session_id, task_id=f"show-{goal_id}", streamer_id=streamer_id))
    record(goal_id, TimelineKind.RECORDING, "StartRecord", "requested")
