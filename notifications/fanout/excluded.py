"""Which viewers of an audience must not get its events any more."""

from collections.abc import Iterable

from bson import ObjectId
from django.contrib.auth.models import User

from mongodb.collections import collection

USERS = User._meta.db_table


def excluded_among(viewers: Iterable[str]) -> set[str]:
    """Return those of the viewers whose accounts are not active. Their API calls are refused, too."""
    inactive = {"_id": {"$in": [ObjectId(viewer) for viewer in viewers]}, "is_active": False}
    return {str(user["_id"]) for user in collection(USERS).find(inactive, {"_id": True})}
