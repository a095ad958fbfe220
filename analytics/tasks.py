"""Tracking, in a queued task because the sink may be slow or away."""

from datetime import UTC, datetime

from analytics.backends import Analytics, TrackedEvent
from config.ports import load_port
from taskqueue.durable import durable


@durable
def track(event_id: str, name: str, goal_id: str, kind: str, user_id: str, at_ms: int) -> None:  # noqa: PLR0917 - a message has no names
    """Hand one event to the analytics sink. Idempotent.

    Flow: goal.created -> track_goals -> analytics.tasks.track
    """
    sink: Analytics = load_port("ANALYTICS")
    at = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    sink.write(TrackedEvent(event_id=event_id, name=name, goal_id=goal_id, kind=kind, user_id=user_id, at=at))
