"""Which viewers of an audience must not get its events any more."""

from collections.abc import Iterable

from bson import ObjectId
from django.contrib.auth.models import User

from mongodb.collections import collection

USERS = User._meta.db_table


def excluded_among(viewers: Iterable[str]) -> set[str]:
    """Return those of the viewers whose accounts are not active, or were deleted. Their API calls are refused, too."""
    wanted = set(viewers)
    active = {"_id": {"$in": [ObjectId(viewer) for viewer in wanted]}, "is_active": True}
    # Mostly all are active, and counting takes a third of the time.
    if collection(USERS).count_documents(active) == len(wanted):
        return set()
    return wanted - {str(user["_id"]) for user in collection(USERS).find(active, {"_id": True})}
