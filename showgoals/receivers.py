"""What happens to a funding goal when its show is created, and to shows that begin late."""

from bson import ObjectId

from goals.kinds import GoalKind
from goals.payloads import GoalCreated, GoalStarted, GoalUpdated
from goals.signals import Deed, goal_created, goal_started, goal_updated, receiver_for
from goals.versions import change_goal
from showgoals.errors import ShowGoalExists
from showgoals.tasks import note_overlaps


@receiver_for(goal_created, GoalKind.SHOW)
def bind_show_goal_to_funding_goal(payload: GoalCreated) -> Deed:
    """Link the funding goal to its show. Raise ShowGoalExists if it has a show already, which aborts the creation.

    Flow: goal.created -> bind_show_goal_to_funding_goal
    """
    funding_goal_id = payload.context["funding_goal_id"]
    unlinked = {
        "_id": ObjectId(funding_goal_id),
        "_cls": GoalKind.SHOW_FUNDING.value,
        "context.show_goal_id": None,
    }
    if change_goal(unlinked, {"context.show_goal_id": payload.goal_id}) is None:
        raise ShowGoalExists(funding_goal_id=funding_goal_id)
    return Deed.LINKED


@receiver_for(goal_started, GoalKind.SHOW)
@receiver_for(goal_updated, GoalKind.SHOW)
def look_for_overlaps(payload: GoalStarted | GoalUpdated) -> Deed:
    """Queue the task that notes whether a show that began late overlaps the session's next show."""
    if "started" not in payload.context:
        return Deed.NOT_LATE
    note_overlaps.enqueue(payload.goal_id, subject=payload.goal_id)
    return Deed.OVERLAPS_LOOKED_FOR
