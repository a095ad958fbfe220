"""The titles of sessions."""

from collections.abc import Iterable

from bson import ObjectId

from mongodb.collections import collection


def session_titles(session_ids: Iterable[str]) -> dict[str, str]:
    """Return the sessions' titles by session id, with one query. Sessions that do not exist are left out."""
    wanted = [ObjectId(each) for each in set(session_ids) if ObjectId.is_valid(each)]
    if not wanted:
        return {}
    found = collection("sessions").find({"_id": {"$in": wanted}}, {"title": True})
    return {str(row["_id"]): row["title"] for row in found}
