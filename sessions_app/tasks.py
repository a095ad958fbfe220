"""The task that writes the feed. The tasks of a recording are in recordings/tasks.py."""

import logging

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from goals.models import Goal
from mongodb.collections import collection
from sessions_app.models import LivestreamFeedEntry

# Queued messages may still name the tasks of recordings by their former path in this module.
from sessions_app.recordings.tasks import check_recording, check_recordings, start_record, stop_record  # noqa: F401
from taskqueue.durable import durable

logger = logging.getLogger(__name__)


@durable
def write_livestream_feed(goal_id: str) -> None:
    """Store the goal in its session's feed entry, unless the entry has a newer goal. Idempotent.

    Flow: goal.added -> generate_livestream_feed
    """
    goal = Goal.objects.get(pk=goal_id)
    # An entry without `created_at` is an old one, whose goal is compared by its id only.
    as_old = {"created_at": {"$in": [None, goal.created_at]}, "goal_id": {"$lte": goal_id}}
    older = {"$or": [{"created_at": {"$lt": goal.created_at}}, as_old]}
    entries = collection(LivestreamFeedEntry._meta.db_table)
    entry = {"goal_id": goal_id, "created_at": goal.created_at}
    try:
        entries.update_one({"_id": ObjectId(goal.conditions.session_id), **older}, {"$set": entry}, upsert=True)
    except DuplicateKeyError:
        logger.info("feed shows a newer goal session=%s goal=%s", goal.conditions.session_id, goal_id)
