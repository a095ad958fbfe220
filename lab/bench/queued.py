"""The remaining work of the task queue."""

from typing import Any

from pymongo.database import Database

from taskqueue.messages import MESSAGES
from taskqueue.periodic import periodic_names


def waiting(database: Database[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages that are due, are being processed, or wait to be tried again, except periodic tasks.

    A message that is due within a second counts as due. If another transaction is writing the goal of a start, the
    start is queued again for a moment later.
    """
    due = {"$expr": {"$lte": ["$lock", {"$add": ["$$NOW", 1000]}]}}
    condition = {"name": {"$nin": list(periodic_names())}, "$or": [due, {"attempts": {"$exists": True}}]}
    return list(database[MESSAGES].find(condition, {"payload": False}))
