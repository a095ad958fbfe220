"""What happens to a funding goal when its show is created, and when it ends."""

from bson import ObjectId

from goals.kinds import GoalKind
from goals.payloads import GoalCreated, GoalEnded
from goals.signals import Deed, goal_created, goal_ended, receiver_for
from mongodb.collections import collection
from showgoals.errors import ShowGoalExists
from showgoals.tasks import fold_contributions


@receiver_for(goal_ended, GoalKind.SHOW_FUNDING)
def fold_last_contributions(payload: GoalEnded) -> Deed:
    """Queue the fold of the last contributions, because no later contribution will queue it."""
    fold_contributions.enqueue(payload.goal_id, subject=payload.goal_id)
    return Deed.FOLD_REQUESTED


@receiver_for(goal_created, GoalKind.SHOW)
def bind_show_goal_to_funding_goal(payload: GoalCreated) -> Deed:
    """Link the funding goal to its show. Raise ShowGoalExists if it has a show already, which aborts the creation.

    Flow: goal.created -> bind_show_goal_to_funding_goal
    """
    funding_goal_id = payload.context["funding_goal_id"]
    linked = collection("goals").update_one(
        {
            "_id": ObjectId(funding_goal_id),
            "_cls": GoalKind.SHOW_FUNDING.value,
            "context.show_goal_id": None,
        },
        {"$set": {"context.show_goal_id": payload.goal_id}},
    )
    if linked.modified_count != 1:
        raise ShowGoalExists(funding_goal_id=funding_goal_id)
    return Deed.LINKED
