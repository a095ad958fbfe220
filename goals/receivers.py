"""Receivers that track goals, and queue or withdraw their starts and ends."""

from datetime import UTC, datetime, timedelta

from analytics.tasks import track
from config import clock
from goals.ending import deactivate_goal, move_end, schedule_end
from goals.event_ids import event_id
from goals.kinds import GoalKind
from goals.models import ending_kinds, starting_kinds
from goals.payloads import GoalCancelled, GoalCreated, GoalEnded, GoalUpdated, UpdateReason
from goals.signals import Deed, goal_cancelled, goal_created, goal_ended, goal_updated, receiver_for
from goals.tasks import activate_goal

# A funding goal is still open at its `exp`, so it ends a moment later.
OPEN_AT_EXP = timedelta(milliseconds=1)


@receiver_for(goal_created, *GoalKind)
@receiver_for(goal_ended, *GoalKind)
def track_goals(payload: GoalCreated | GoalEnded) -> Deed:
    """Queue the analytics event about the creation or the end of the goal.

    Flow: goal.created -> track_goals -> analytics.tasks.track
    """
    event = goal_ended.name if isinstance(payload, GoalEnded) else goal_created.name
    track.enqueue(
        event_id(payload.goal_id, event, payload.version),
        event,
        payload.goal_id,
        payload.kind.value,
        payload.metadata["user_id"],
        int(clock.timestamp() * 1000),
        subject=payload.goal_id,
    )
    return Deed.TRACKED


# All kinds are known here, because `ready()` imports this module after the models of all apps.
@receiver_for(goal_created, *starting_kinds())
@receiver_for(goal_updated, *starting_kinds())
def schedule_lifecycle_tasks(payload: GoalCreated | GoalUpdated) -> Deed:
    """Queue the goal's start at its nbf, or its end if it is live. The new message replaces an earlier one.

    If only the level of a goal that is not live has changed, queue nothing.

    Flow: goal.created -> schedule_lifecycle_tasks -> activate_goal
    """
    if isinstance(payload, GoalUpdated) and payload.runs:
        move_end(payload.goal_id, payload.access_exp)
        return Deed.END_SCHEDULED
    if isinstance(payload, GoalUpdated) and payload.reason is UpdateReason.CHANGED:
        return Deed.START_KEPT  # no new start: this may be a cancelled show with a new title
    if payload.nbf is None:
        raise ValueError(f"goal {payload.goal_id} has no nbf")
    nbf = int(payload.nbf.timestamp())
    # A new goal has no earlier message to replace.
    queue = activate_goal.replace if isinstance(payload, GoalUpdated) else activate_goal.enqueue
    queue(payload.goal_id, nbf, at=datetime.fromtimestamp(nbf, tz=UTC), subject=payload.goal_id)
    return Deed.START_SCHEDULED


@receiver_for(goal_cancelled, *starting_kinds())
def withdraw_start(payload: GoalCancelled) -> Deed:
    """Delete the message that waits for the goal's start.

    Flow: goal.cancelled -> withdraw_start
    """
    activate_goal.withdraw(payload.goal_id)
    return Deed.START_WITHDRAWN


@receiver_for(goal_ended, *ending_kinds())
def withdraw_end(payload: GoalEnded) -> Deed:
    """Delete the message that waits for the goal's end, if there still is one.

    Flow: goal.ended -> withdraw_end
    """
    deactivate_goal.withdraw(payload.goal_id)
    return Deed.END_WITHDRAWN


@receiver_for(goal_created, GoalKind.SHOW_FUNDING)
@receiver_for(goal_updated, GoalKind.SHOW_FUNDING)
def schedule_funding_end(payload: GoalCreated | GoalUpdated) -> Deed:
    """Queue the funding goal's end at its `exp`, if it has one. The new message replaces an earlier one."""
    # A new goal has no earlier message to replace.
    queue = move_end if isinstance(payload, GoalUpdated) else schedule_end
    queue(payload.goal_id, payload.exp, grace=OPEN_AT_EXP)
    return Deed.END_SCHEDULED if payload.exp else Deed.NO_END_SCHEDULED
