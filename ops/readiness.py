"""The checks of `/readyz`, which query MongoDB and the cache. Each query is quick."""

import logging
from datetime import UTC, datetime

import pymongo
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from config import clock
from config.cache import answers
from mongodb.collections import Document, connection, tolerant_collection
from mongodb.pending import missing_migrations
from taskqueue import outages
from taskqueue.clock_skew import CountingClock
from taskqueue.heartbeat import clusters, heard_within
from taskqueue.messages import MESSAGES
from taskqueue.queues import Queue

logger = logging.getLogger(__name__)

OK = "ok"
UNKNOWN = "unknown"
AWAY = "away"
# If one of these checks fails, the product works, but more slowly.
DISPENSABLE = frozenset({"cache"})
# The limit of all queries together, because a load balancer does not wait long.
ANSWERED_WITHIN_SECONDS = 1.0
# The time of three heartbeats.
ALIVE_WITHIN_SECONDS = 15.0
# If a message has been due for longer than this, there are no workers, or far too few.
CLAIMED_WITHIN_SECONDS = 30.0
MOST_ROWS = 100


def readiness() -> dict[str, str]:
    """Return the result of each check: "ok", what is wrong, or "unknown" if MongoDB did not respond. Never raises."""
    now = clock.now()
    found = dict.fromkeys(("mongodb", "migrations", "queue", "cluster"), UNKNOWN)
    found["cache"] = OK if answers() else AWAY
    try:
        with pymongo.timeout(ANSWERED_WITHIN_SECONDS):
            found["mongodb"] = _mongodb()
            found["migrations"] = _migrations()
            found["queue"] = _queue(now)
            found["cluster"] = _cluster()
    except (PyMongoError, DatabaseError) as error:
        logger.warning("not ready error=%s", type(error).__name__)
        found["mongodb"] = AWAY
    return found


def is_ready(checks: dict[str, str]) -> bool:
    """Tell whether shows can start with these results."""
    return all(result == OK for name, result in checks.items() if name not in DISPENSABLE)


def due_seconds(queue: Queue, now: datetime) -> float:
    """Return for how many seconds the oldest unclaimed message of the queue has been due; 0 if no message is due."""
    oldest = tolerant_collection(MESSAGES).find_one(
        {"key": queue.value, "owner": None, "lock": {"$lte": now}}, {"lock": True}, sort=[("lock", 1)]
    )
    if oldest is None or not isinstance(oldest["lock"], datetime):  # a message that the next claim sets aside
        return 0.0
    return (now - oldest["lock"].replace(tzinfo=UTC)).total_seconds()


def living_clusters() -> list[Document]:
    """Return the qclusters with a recent heartbeat."""
    return clusters(heard_within(ALIVE_WITHIN_SECONDS), limit=MOST_ROWS)


def _mongodb() -> str:
    """Check that there is a primary of a replica set, because a single server has no transactions."""
    hello = connection.get_database().command("hello")
    if not hello["isWritablePrimary"]:
        return "not_primary"
    return OK if "setName" in hello else "no_replica_set"


def _migrations() -> str:
    return "pending" if missing_migrations() else OK


def _queue(now: datetime) -> str:
    # While a vendor is away, messages of its lanes wait, which says nothing about this server.
    away = outages.away()
    lanes = [queue for queue in Queue if queue.vendor not in away]
    return "late" if max(due_seconds(queue, now) for queue in lanes) > CLAIMED_WITHIN_SECONDS else OK


def _cluster() -> str:
    alive = living_clusters()
    if any(cluster.get("problem") for cluster in alive):
        return "no_locks"
    if alive and all(cluster.get("clock") == CountingClock.NONE for cluster in alive):
        return "no_clock"
    return OK if alive else "none_alive"
