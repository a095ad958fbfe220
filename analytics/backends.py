"""The interface of the sink for tracked events, and its backends. The setting ANALYTICS chooses the backend."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from pymongo.errors import BulkWriteError

from analytics.models import AnalyticsEvent
from mongodb.collections import collection
from mongodb.failures import DUPLICATE_KEY

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrackedEvent:
    """An event to track. `event_id` identifies it."""

    event_id: str
    name: str
    goal_id: str
    kind: str
    user_id: str
    at: datetime


class Analytics(Protocol):
    """A sink for events. Writing an event twice stores it once.

    `write` does not catch the errors of the sink, such as those that pymongo raises.
    """

    def write(self, events: Sequence[TrackedEvent]) -> None:
        """Store the events."""


class MongoAnalytics:
    """Stores a document for each event in `analytics_events`."""

    def write(self, events: Sequence[TrackedEvent]) -> None:
        """Insert the events that are not stored yet."""
        documents = [asdict(event) for event in events]
        try:
            collection(AnalyticsEvent._meta.db_table).insert_many(documents, ordered=False)
        except BulkWriteError as error:
            refused = error.details["writeErrors"]
            if any(each["code"] != DUPLICATE_KEY for each in refused):
                raise
            logger.info("already tracked events=%s", len(refused))


class LocmemAnalytics:
    """Keeps the events in this process, for tests."""

    def __init__(self) -> None:
        self.events: dict[str, TrackedEvent] = {}

    def write(self, events: Sequence[TrackedEvent]) -> None:
        """Keep the events."""
        for event in events:
            self.events.setdefault(event.event_id, event)


class ConsoleAnalytics:
    """Logs the events, for development."""

    def write(self, events: Sequence[TrackedEvent]) -> None:
        """Log the events."""
        for event in events:
            logger.info("tracked event=%s goal=%s user=%s", event.name, event.goal_id, event.user_id)
