"""The task that writes the feed. The tasks of a recording are in recordings/tasks.py."""

import logging
from collections.abc import Sequence

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from goals.models import Goal
from mongodb.collections import collection
from mongodb.failures import DUPLICATE_KEY
from sessions_app.models import LivestreamFeedEntry

# Queued messages may still name the tasks of recordings by their former path in this module.
from sessions_app.recordings.tasks import check_recording, check_recordings, start_record, stop_record  # noqa: F401
from taskqueue.calls import Call, Outcome
from taskqueue.durable import bulk
from taskqueue.queues import Queue

logger = logging.getLogger(__name__)

ENTRIES_AT_ONCE = 100


@bulk(Queue.WORK, most=ENTRIES_AT_ONCE)
def write_livestream_feed(calls: Sequence[Call]) -> list[Outcome]:
    """Store each goal in its session's feed entry, unless the entry has a newer goal. Idempotent.

    Each call is `write_livestream_feed(goal_id)`.
    Flow: goal.added -> generate_livestream_feed
    """
    ids = [str(call.args[0]) for call in calls]
    goals = list(Goal.objects.filter(pk__in=ids).only("conditions", "created_at"))
    missing = Goal.DoesNotExist("The goal does not exist.")
    try:
        if goals:
            collection(LivestreamFeedEntry._meta.db_table).bulk_write([_entry(goal) for goal in goals], ordered=False)
    except BulkWriteError as error:
        refused = error.details["writeErrors"]
        if any(each["code"] != DUPLICATE_KEY for each in refused):
            raise
        logger.info("feed shows newer goals entries=%s", len(refused))
    known = {str(goal.pk) for goal in goals}
    return [None if goal_id in known else missing for goal_id in ids]


def _entry(goal: Goal) -> UpdateOne:
    """Return an upsert of the goal's entry. If the entry has a newer goal, the upsert fails with a duplicate key."""
    goal_id = str(goal.pk)
    # If the entry has the same `created_at`, or is an old entry without one, the ids of the goals are compared.
    as_old = {"created_at": {"$in": [None, goal.created_at]}, "goal_id": {"$lte": goal_id}}
    older = {"$or": [{"created_at": {"$lt": goal.created_at}}, as_old]}
    entry = {"goal_id": goal_id, "created_at": goal.created_at}
    return UpdateOne({"_id": ObjectId(goal.conditions.session_id), **older}, {"$set": entry}, upsert=True)
