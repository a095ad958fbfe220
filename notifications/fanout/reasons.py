"""The reasons why an event must no longer be sent, to all or to some of its viewers."""

from collections.abc import Iterable
from datetime import datetime

from bson import ObjectId
from django.contrib.auth.models import User

from goals.models import Goal
from goals.states import GoalStatus
from mongodb.collections import collection
from notifications.events import STREAM_AUTHORIZED
from notifications.fanout.ledger import State
from notifications.models import NotificationChunk
from notifications.superseded import is_superseded

USERS = User._meta.db_table


def reason_not_to_send(chunk: NotificationChunk, goal: Goal | None, *, now: datetime) -> State | None:
    """Return EXPIRED if the goal is gone or over, or if its access is over.

    Return SUPERSEDED if a later event has replaced the event, and None if the event may be sent.
    """
    if goal is None or goal.status(now) == GoalStatus.ENDED:
        return State.EXPIRED
    if chunk.name == STREAM_AUTHORIZED and now.timestamp() >= chunk.payload["exp"]:
        return State.EXPIRED
    return State.SUPERSEDED if is_superseded(chunk.name, chunk.payload, goal, to_payers=True) else None


def not_active(viewers: Iterable[str]) -> set[str]:
    """Return those of the viewers whose accounts are not active. The API refuses their calls, too."""
    inactive = {"_id": {"$in": [ObjectId(viewer) for viewer in viewers]}, "is_active": False}
    return {str(user["_id"]) for user in collection(USERS).find(inactive, {"_id": True})}
