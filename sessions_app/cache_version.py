"""Invalidates cached answers by raising the session's version; deletes nothing (docs/adr/0015-cache-version.md)."""

from bson import ObjectId

from mongodb.collections import collection
from mongodb.transactions import collect_at_commit


def raise_cache_version(session_id: str) -> None:
    """Make every cached answer about the session stale when the open transaction commits.

    The version is raised once in a transaction, even if several receivers call this.
    """
    collect_at_commit(_raise_cache_versions, session_id)


def _raise_cache_versions(session_ids: list[str]) -> None:
    ids = [ObjectId(session_id) for session_id in session_ids]
    collection("sessions").update_many({"_id": {"$in": ids}}, {"$inc": {"cache_version": 1}})
