"""Who has fetched the credentials of a show from the session token view, and when: part of "why wasn't I let in?".

A document is `{_id: "{goal_id}:{viewer_id}", first_at, last_at, count}`; a month after `last_at` it expires.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo import WriteConcern, timeout
from pymongo.errors import PyMongoError

from mongodb.transactions import collection, connection

logger = logging.getLogger(__name__)

FETCHES = "credential_fetches"
PATIENCE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class CredentialFetches:
    """A viewer's fetches of one show's credentials."""

    first_at: datetime
    last_at: datetime
    count: int


def note_fetch(goal_id: str, viewer_id: str, *, now: datetime) -> None:
    """Count a fetch: one write, acknowledged by one server. If it fails or lasts the answer goes out all the same."""
    fetched = {"$setOnInsert": {"first_at": now}, "$set": {"last_at": now}, "$inc": {"count": 1}}
    quick = connection.get_collection(FETCHES).with_options(write_concern=WriteConcern(w=1))
    try:
        with timeout(PATIENCE_SECONDS):
            quick.update_one({"_id": f"{goal_id}:{viewer_id}"}, fetched, upsert=True)
    except PyMongoError as error:
        logger.warning("fetch not counted goal=%s viewer=%s error=%s", goal_id, viewer_id, type(error).__name__)


def fetches_of(goal_id: str, viewer_id: str) -> CredentialFetches | None:
    """Return the viewer's fetches; None if there was none, or the last one is a month ago."""
    found = collection(FETCHES).find_one({"_id": f"{goal_id}:{viewer_id}"})
    if found is None:
        return None
    return CredentialFetches(
        first_at=found["first_at"].replace(tzinfo=UTC),
        last_at=found["last_at"].replace(tzinfo=UTC),
        count=found["count"],
    )
