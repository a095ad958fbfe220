"""Completes messages that the previous release has queued without a version or data.

This module can be removed in the next release. During a deployment, old code still queues such messages, and changes
goals without raising their versions.
"""

from collections.abc import Callable

from goals.event_ids import event_id
from goals.models import Goal
from goals.payloads import (
    CancelReason,
    GoalAdded,
    GoalCancelled,
    GoalEnded,
    GoalPayload,
    GoalStarted,
    GoalUpdated,
    UpdateReason,
)
from goals.versions import change_goal
from notifications.events import (
    GOAL_ADDED,
    GOAL_CANCELLED,
    GOAL_ENDED,
    GOAL_STARTED,
    GOAL_UPDATED,
    PREVIEW,
    STREAM_AUTHORIZED,
)
from notifications.models import NotificationChunk
from notifications.streamer_events import StreamerEvent
from showgoals.queries import AwaitingShow


def former_event(name: str, goal_id: str) -> StreamerEvent:
    """Return the event for a message without data. The event tells the present state of the goal."""
    goal = Goal.objects.get(pk=goal_id)
    return StreamerEvent.of(_PAYLOADS[name](goal))


def version_for(goal_id: str, show: AwaitingShow) -> int:
    """Return the goal's version with which the access began, for a message without a version.

    Old code moves the access without raising the version. If an earlier access was planned with the present version,
    raise the version now. Without a new version, the new access would get the event_id of the earlier access, and
    would not be planned.
    """
    goal = Goal.objects.get(pk=goal_id)
    present = event_id(goal_id, STREAM_AUTHORIZED, goal.version, preset=PREVIEW)
    planned = NotificationChunk.objects.filter(pk=f"{present}:0").first()
    if planned is None or planned.payload["exp"] == int(show.exp.timestamp()):
        return goal.version
    raised = change_goal({"_id": goal.pk, "version": {"$in": [goal.version, None]}}, {})
    return goal.version if raised is None else raised.version


_PAYLOADS: dict[str, Callable[[Goal], GoalPayload]] = {
    GOAL_ADDED: lambda goal: GoalAdded.of(
        goal, session_id=goal.conditions.session_id, streamer_id=goal.metadata.user_id
    ),
    GOAL_STARTED: GoalStarted.of,
    GOAL_UPDATED: lambda goal: GoalUpdated.of(goal, reason=UpdateReason.MOVED),
    GOAL_CANCELLED: lambda goal: GoalCancelled.of(goal, reason=CancelReason.CANCELLED),
    GOAL_ENDED: GoalEnded.of,
}
