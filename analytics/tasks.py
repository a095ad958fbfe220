"""The task that tracks events. It is queued because the sink may be slow or unavailable."""

from collections.abc import Sequence
from datetime import UTC, datetime

from analytics.backends import Analytics, TrackedEvent
from config.ports import load_port
from taskqueue.calls import Call, Outcome
from taskqueue.durable import bulk
from taskqueue.queues import Queue

TRACKED_AT_ONCE = 100


@bulk(Queue.WORK, most=TRACKED_AT_ONCE)
def track(calls: Sequence[Call]) -> list[Outcome]:
    """Hand events to the analytics sink. Each call is `track(event_id, name, goal_id, kind, user_id, at_ms)`.

    The task is idempotent.

    Flow: goal.created -> track_goals -> analytics.tasks.track
    """
    sink: Analytics = load_port("ANALYTICS")
    sink.write([_event(call) for call in calls])
    return [None] * len(calls)


def _event(call: Call) -> TrackedEvent:
    *names, at_ms = call.args
    event_id, name, goal_id, kind, user_id = map(str, names)
    at = datetime.fromtimestamp(int(at_ms or 0) / 1000, tz=UTC)
    return TrackedEvent(event_id=event_id, name=name, goal_id=goal_id, kind=kind, user_id=user_id, at=at)
