"""The list of events: its pages, and the body of an event."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId
from pymongo.read_concern import ReadConcern
from rest_framework import serializers

from api.fields import ObjectIdField, UnixSecondsField
from api.pagination import PlacedPages
from api.serializers import AnswerSerializer
from mongodb.collections import Document, connection
from webhooks.models import EVENTS, NO_PLACE

# The names of the signals that are stored as events.
TYPES = (
    *("goal.created", "goal.added", "goal.started", "goal.updated", "goal.cancelled", "goal.progressed"),
    *("goal.ended", "goal.lapsed", "settlement.decided"),
    *("recording.started", "recording.stopped", "recording.verified", "recording.failed"),
)
_PLACE = re.compile("[0-9a-f]{24}")


class EventSerializer(AnswerSerializer):
    """An event in an answer."""

    id = ObjectIdField(source="place", read_only=True)
    type = serializers.ChoiceField(choices=TYPES, read_only=True)
    created_at = UnixSecondsField()
    goal_id = ObjectIdField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    data: Any = serializers.DictField(read_only=True)


class EventPages(PlacedPages):
    """Pages of published events, oldest first. The source holds the query's filters by name."""

    is_position = staticmethod(_PLACE.fullmatch)

    def read(self, source: Mapping[str, str], limit: int, *, is_backward: bool) -> list[Document]:
        """Return the events beyond the cursor."""
        return published_events(source, limit, cursor=self.cursor, is_backward=is_backward)

    def place_of(self, row: Document) -> ObjectId:
        """Return the event's id."""
        return ObjectId(row["place"])


def published_events(asked: Mapping[str, str], limit: int, *, cursor: Any, is_backward: bool) -> list[Document]:
    """Return the events that were asked for, those nearest to the cursor first.

    Events are left out until the majority of the servers has stored them, because an election could roll them back.
    """
    side, closed = ("$lt", "e") if is_backward else ("$gt", "e")
    conditions: list[Document] = [{name: asked[name]} for name in ("type", "goal_id") if name in asked]
    conditions.append({"place": {"$gt": ObjectId(asked.get("after", NO_PLACE))}})
    if cursor:
        conditions.append({"place": {side + (closed if cursor.offset else ""): ObjectId(str(cursor.position))}})
    found = _events().find({"$and": conditions}).sort("place", -1 if is_backward else 1)
    return list(found.limit(limit))


def published_event(event_id: str) -> Document | None:
    """Return the event with the id, or None if there is none any more."""
    found: Document | None = _events().find_one({"place": ObjectId(event_id)})
    return found


def events_between(place: ObjectId, last: ObjectId, limit: int) -> list[Document]:
    """Return up to `limit` events after `place`, up to and including `last`, oldest first."""
    found = _events().find({"place": {"$gt": place, "$lte": last}}).sort("place", 1)
    return list(found.limit(limit))


def events_by_id(ids: Sequence[str]) -> list[Document]:
    """Return those of the events with these ids that have not expired."""
    return list(_events().find({"place": {"$in": [ObjectId(each) for each in ids]}})) if ids else []


def _events() -> Any:
    return connection.get_collection(EVENTS, read_concern=ReadConcern("majority"))
