"""The analytics port, to which tracked events go. The setting ANALYTICS chooses the backend."""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from django.db import IntegrityError

from analytics.models import AnalyticsEvent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrackedEvent:
    """One event; the same `event_id` is the same event."""

    event_id: str
    name: str
    goal_id: str
    kind: str
    user_id: str
    at: datetime


class Analytics(Protocol):
    """A sink for events. Idempotent for each `event_id`. Raises TransportError."""

    def write(self, event: TrackedEvent) -> None:
        """Store the event."""


class MongoAnalytics:
    """Stores a document for each event in `analytics_events`."""

    def write(self, event: TrackedEvent) -> None:
        """Insert the event unless its id exists."""
        try:
            AnalyticsEvent.objects.create(**asdict(event))
        except IntegrityError:
            logger.info("already tracked event=%s goal=%s", event.name, event.goal_id)


class LocmemAnalytics:
    """Keeps the events in this process, for tests."""

    def __init__(self) -> None:
        self.events: dict[str, TrackedEvent] = {}

    def write(self, event: TrackedEvent) -> None:
        """Keep the event."""
        self.events.setdefault(event.event_id, event)


class ConsoleAnalytics:
    """Logs the events, for development."""

    def write(self, event: TrackedEvent) -> None:
        """Log the event."""
        logger.info("tracked event=%s goal=%s user=%s", event.name, event.goal_id, event.user_id)
