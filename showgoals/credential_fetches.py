"""Notes when a viewer fetches a show's credentials, for the report that explains why a viewer was let in or not."""

import logging
from datetime import datetime

from pymongo import WriteConcern, timeout
from pymongo.errors import PyMongoError

from mongodb.collections import connection
from showgoals.models import CredentialFetch

logger = logging.getLogger(__name__)

FETCHES = CredentialFetch._meta.db_table
PATIENCE_SECONDS = 0.25


def note_fetch(goal_id: str, viewer_id: str, *, now: datetime) -> None:
    """Count a fetch of the show's credentials by the viewer. Only the primary acknowledges the write.

    If the write fails or takes longer than PATIENCE_SECONDS, log a warning and raise no error.
    """
    fetched = {"$setOnInsert": {"first_at": now}, "$set": {"last_at": now}, "$inc": {"count": 1}}
    quick = connection.get_collection(FETCHES).with_options(write_concern=WriteConcern(w=1))
    try:
        with timeout(PATIENCE_SECONDS):
            quick.update_one({"_id": f"{goal_id}:{viewer_id}"}, fetched, upsert=True)
    except PyMongoError as error:
        logger.warning("fetch not counted goal=%s viewer=%s error=%s", goal_id, viewer_id, type(error).__name__)


def fetches_of(goal_id: str, viewer_id: str) -> CredentialFetch | None:
    """Return the count and the times of the viewer's fetches, or None if there were none within the last month."""
    return CredentialFetch.objects.filter(pk=f"{goal_id}:{viewer_id}").first()
