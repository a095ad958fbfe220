"""From a goal to the payloads of its signals."""

from goals.kinds import GoalKind
from goals.models import Goal
from goals.signals import GoalAdded, GoalCancelled, GoalCreated, GoalEnded, GoalStarted, GoalUpdated


def goal_created_payload(goal: Goal) -> GoalCreated:
    """Return the arguments of `goal.created`."""
    return GoalCreated(
        goal_id=str(goal.pk),
        active=goal.active,
        kind=GoalKind(goal.kind),
        conditions={"session_id": goal.conditions.session_id},
        context=goal.context_data(),
        levels=goal.levels_data(),
        nbf=goal.nbf,
        exp=goal.exp,
        metadata={"user_id": goal.metadata.user_id},
    )


def goal_added_payload(created: GoalCreated, *, session_id: str, streamer_id: str) -> GoalAdded:
    """Return the arguments of `goal.added` for a goal that was just created and bound."""
    return GoalAdded(
        goal_id=created.goal_id,
        kind=created.kind,
        conditions=created.conditions,
        context=created.context,
        session_id=session_id,
        streamer_id=streamer_id,
        metadata=created.metadata,
    )


def goal_started_payload(goal: Goal) -> GoalStarted:
    """Return the arguments of `goal.started`."""
    return GoalStarted(
        goal_id=str(goal.pk),
        kind=GoalKind(goal.kind),
        conditions={"session_id": goal.conditions.session_id},
        context=goal.context_data(),
        progress=goal.progress,
        levels=goal.levels_data(),
        metadata={"user_id": goal.metadata.user_id},
    )


def goal_updated_payload(goal: Goal) -> GoalUpdated:
    """Return the arguments of `goal.updated`."""
    return GoalUpdated(
        goal_id=str(goal.pk),
        kind=GoalKind(goal.kind),
        conditions={"session_id": goal.conditions.session_id},
        context=goal.context_data(),
        levels=goal.levels_data(),
        nbf=goal.nbf,
        metadata={"user_id": goal.metadata.user_id},
    )


def goal_cancelled_payload(goal: Goal) -> GoalCancelled:
    """Return the arguments of `goal.cancelled`."""
    return GoalCancelled(
        goal_id=str(goal.pk),
        kind=GoalKind(goal.kind),
        conditions={"session_id": goal.conditions.session_id},
        context=goal.context_data(),
        metadata={"user_id": goal.metadata.user_id},
    )


def goal_ended_payload(goal: Goal) -> GoalEnded:
    """Return the arguments of `goal.ended`."""
    if goal.exp is None:
        raise ValueError(f"{goal} has not ended")
    return GoalEnded(
        goal_id=str(goal.pk),
        kind=GoalKind(goal.kind),
        conditions={"session_id": goal.conditions.session_id},
        context=goal.context_data(),
        progress=goal.progress,
        exp=goal.exp,
        metadata={"user_id": goal.metadata.user_id},
    )
