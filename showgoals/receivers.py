"""Receivers that act when a funding goal closes, and when its show is created, is cancelled, begins late or ends."""

from bson import ObjectId

from goals.kinds import GoalKind
from goals.payloads import GoalCancelled, GoalCreated, GoalEnded, GoalStarted, GoalUpdated
from goals.signals import Deed, goal_cancelled, goal_created, goal_ended, goal_started, goal_updated, receiver_for
from goals.versions import change_goal
from mongodb.transactions import moment_of_writing
from showgoals.errors import ShowGoalExists
from showgoals.settlement.lapsing import await_revival, schedule_lapse
from showgoals.settlement.performance import settle_show
from showgoals.settlement.settling import UNSETTLED
from showgoals.settlement.tasks import lapse_funding_goal  # noqa: F401 - registers the periodic tasks
from showgoals.tasks import note_overlaps


@receiver_for(goal_created, GoalKind.SHOW)
def bind_show_goal_to_funding_goal(payload: GoalCreated) -> Deed:
    """Link the funding goal to its show, so that the funding goal does not lapse.

    If the funding goal already has a show, or is settled, raise ShowGoalExists, which aborts the creation.

    Flow: goal.created -> bind_show_goal_to_funding_goal
    """
    funding_goal_id = payload.context["funding_goal_id"]
    unlinked = {
        "_id": ObjectId(funding_goal_id),
        "_cls": GoalKind.SHOW_FUNDING.value,
        "context.show_goal_id": None,
        **UNSETTLED,
    }
    if change_goal(unlinked, {"context.show_goal_id": payload.goal_id, "lapses_at": None}) is None:
        raise ShowGoalExists(funding_goal_id=funding_goal_id)
    return Deed.LINKED


@receiver_for(goal_ended, GoalKind.SHOW_FUNDING)
def schedule_lapse_of_closed(payload: GoalEnded) -> Deed:
    """Queue the lapse of a funding goal that has closed without a show."""
    if payload.lapses_at is None:
        return Deed.NO_LAPSE_SCHEDULED
    schedule_lapse(payload.goal_id, payload.lapses_at)
    return Deed.LAPSE_SCHEDULED


@receiver_for(goal_cancelled, GoalKind.SHOW)
def schedule_lapse_of_cancelled(payload: GoalCancelled) -> Deed:
    """Queue the lapse of a cancelled show's funding goal. If the show is revived, the goal does not lapse."""
    cancelled_at = payload.cancelled_at or moment_of_writing()
    lapses_at = await_revival(payload.context["funding_goal_id"], cancelled_at=cancelled_at)
    return Deed.LAPSE_SCHEDULED if lapses_at else Deed.NO_LAPSE_SCHEDULED


@receiver_for(goal_ended, GoalKind.SHOW)
def settle_funding_of_show(payload: GoalEnded) -> Deed:
    """Decide what becomes of the payments for a show that has ended."""
    return Deed.SETTLED if settle_show(payload.goal_id, now=moment_of_writing()) else Deed.SETTLED_BEFORE


@receiver_for(goal_started, GoalKind.SHOW)
@receiver_for(goal_updated, GoalKind.SHOW)
def look_for_overlaps(payload: GoalStarted | GoalUpdated) -> Deed:
    """Queue the task that notes which other shows of the session this show overlaps, if this show began late."""
    if "started" not in payload.context:
        return Deed.NOT_LATE
    note_overlaps.enqueue(payload.goal_id, subject=payload.goal_id)
    return Deed.OVERLAPS_LOOKED_FOR
