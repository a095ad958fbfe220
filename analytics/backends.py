"""The analytics port: where tracked events go. The setting ANALYTICS chooses the backend."""

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
    """A sink for events. Writing an event again changes nothing. Raises TransportError."""

    def write(self, event: TrackedEvent) -> None:
        """Store the event."""


class MongoAnalytics:
    """One document an event in `analytics_events`."""

    def write(self, event: TrackedEvent) -> None:
        """Insert the event unless its id is there already."""
        try:
            AnalyticsEvent.objects.create(**asdict(event))
        except IntegrityError:
            logger.info("already tracked event=%s goal=%s", event.name, event.goal_id)


class LocmemAnalytics:
    """Events kept in this process, for tests."""

    def __init__(self) -> None:
        self.events: dict[str, TrackedEvent] = {}

    def write(self, event: TrackedEvent) -> None:
        """Keep the event."""
        self.events.setdefault(event.event_id, event)


class ConsoleAnalytics:
    """Events in the log, for development."""

    def write(self, event: TrackedEvent) -> None:
        """Log the event."""
        logger.info("tracked event=%s goal=%s user=%s", event.name, event.goal_id, event.user_id)
