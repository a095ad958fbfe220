"""What goals themselves do when a goal is created or moved."""

import time
from datetime import UTC, datetime

from analytics.tasks import track
from goals.ending import schedule_end
from goals.identity import event_id
from goals.kinds import GoalKind
from goals.payloads import GoalCreated, GoalEnded, GoalUpdated
from goals.signals import goal_created, goal_ended, goal_updated, receiver_for
from goals.tasks import activate_goal


@receiver_for(goal_created, *GoalKind)
@receiver_for(goal_ended, *GoalKind)
def track_goals(payload: GoalCreated | GoalEnded) -> None:
    """Track that a goal was created, or ended.

    Flow: goal.created -> track_goals -> analytics.tasks.track
    """
    event = goal_ended.name if isinstance(payload, GoalEnded) else goal_created.name
    track.enqueue(
        event_id(payload.goal_id, event),
        event,
        payload.goal_id,
        payload.kind.value,
        payload.metadata["user_id"],
        time.time_ns() // 1_000_000,
        subject=payload.goal_id,
    )


@receiver_for(goal_created, GoalKind.SHOW, GoalKind.SHOW_FUNDING)
@receiver_for(goal_updated, GoalKind.SHOW)
def schedule_lifecycle_tasks(payload: GoalCreated | GoalUpdated) -> None:
    """Have a show activated at its nbf, a funding goal deactivated at its exp; an outdated message does nothing.

    Flow: goal.created -> schedule_lifecycle_tasks -> activate_goal
    """
    if isinstance(payload, GoalCreated) and payload.kind == GoalKind.SHOW_FUNDING:
        schedule_end(payload.goal_id, payload.kind, payload.exp)
        return
    if isinstance(payload, GoalUpdated) and payload.has_begun:
        schedule_end(payload.goal_id, payload.kind, payload.access_exp)
        return
    if payload.nbf is None:
        raise ValueError(f"show {payload.goal_id} has no nbf")
    nbf = int(payload.nbf.timestamp())
    activate_goal.enqueue_at(datetime.fromtimestamp(nbf, tz=UTC), payload.goal_id, nbf, subject=payload.goal_id)
