"""Invalidates cached answers about a session by raising the session's version (docs/adr/0015-cache-version.md)."""

from typing import Any

from bson import ObjectId

from mongodb.collections import collection
from mongodb.transactions import collect_at_commit

# Code that updates the session anyway adds this operator to its update, and calls `cache_version_is_raised`.
RAISED: dict[str, Any] = {"$inc": {"cache_version": 1}}


def raise_cache_version(session_id: str) -> None:
    """Make every cached answer about the session stale when the open transaction commits.

    The version is raised only once in a transaction, even if several receivers call this function.
    """
    collect_at_commit(_raise_cache_versions, (session_id, False))


def cache_version_is_raised(session_id: str) -> None:
    """Record that another update of the open transaction raises the version, so that it is raised only once."""
    collect_at_commit(_raise_cache_versions, (session_id, True))


def _raise_cache_versions(asked: list[tuple[str, bool]]) -> None:
    raised = {session_id for session_id, is_raised in asked if is_raised}
    if ids := [ObjectId(session_id) for session_id, _is_raised in asked if session_id not in raised]:
        collection("sessions").update_many({"_id": {"$in": ids}}, RAISED)
