"""Receivers for the kinds of goals that this product does not create yet. For a show, they return "not applicable".

Most of the receivers store on the session what those kinds need (`bound_goals`, `rtc_sources`).
"""

from typing import Any

from bson import ObjectId

from goals.kinds import GoalKind
from goals.payloads import GoalCreated
from goals.signals import Deed, goal_created, receiver_for
from goals.states import UNENDED
from goals.versions import NEXT_VERSION
from mongodb.collections import collection


@receiver_for(goal_created, GoalKind.KARAOKE)
def bind_karaoke_goal_to_session(payload: GoalCreated) -> Deed:
    """Store the goal as the session's karaoke goal."""
    _update_session(payload, {"$set": {f"bound_goals.{payload.kind}": payload.goal_id}})
    return Deed.BOUND


@receiver_for(goal_created, GoalKind.EXCLUSIVE)
def bind_exclusive_goal_to_trigger_exclusive_goal(payload: GoalCreated) -> Deed:
    """Store the goal's id in `context.exclusive_goal_id` of the session's TRIGGER_EXCLUSIVE goals.

    Goals that are over, or that already have such an id, are left unchanged.
    """
    collection("goals").update_many(
        {
            **UNENDED.condition(GoalKind.TRIGGER_EXCLUSIVE),
            "conditions.session_id": payload.conditions["session_id"],
            "context.exclusive_goal_id": None,
        },
        [{"$set": {"context.exclusive_goal_id": payload.goal_id, "version": NEXT_VERSION}}],
    )
    return Deed.BOUND


@receiver_for(goal_created, GoalKind.EXCLUSIVE, GoalKind.TRIGGER_EXCLUSIVE)
def bind_exclusive_goals_to_session(payload: GoalCreated) -> Deed:
    """Add the goal to the session's goals of its kind."""
    _update_session(payload, {"$addToSet": {f"bound_goals.{payload.kind}": payload.goal_id}})
    return Deed.BOUND


@receiver_for(goal_created, GoalKind.TRIGGER_PRIVATE)
def bind_trigger_private_goal_to_session(payload: GoalCreated) -> Deed:
    """Store the goal as the session's trigger for a private stream."""
    _update_session(payload, {"$set": {f"bound_goals.{payload.kind}": payload.goal_id}})
    return Deed.BOUND


@receiver_for(goal_created, GoalKind.EXCLUSIVE)
def snapshot_rtc_sources(payload: GoalCreated) -> Deed:
    """Store which users publish to the room when the goal is created. The list has only the streamer."""
    _update_session(payload, {"$set": {f"rtc_sources.{payload.goal_id}": [payload.metadata["user_id"]]}})
    return Deed.SNAPSHOT_TAKEN


def _update_session(payload: GoalCreated, update: dict[str, Any]) -> None:
    session_id = ObjectId(payload.conditions["session_id"])
    collection("sessions").update_one({"_id": session_id}, update)
