"""Invalidation is a version, not a deletion (docs/adr/0015-cache-version.md)."""

from bson import ObjectId

from config.transactions import collection, update_at_commit


def raise_cache_version(session_id: str) -> None:
    """Make every cached answer about the session stale, with the commit of the open transaction.

    However many receivers ask, it is raised once a transaction.
    """
    update_at_commit(
        ("cache_version", session_id),
        lambda: collection("sessions").update_one({"_id": ObjectId(session_id)}, {"$inc": {"cache_version": 1}}),
    )
