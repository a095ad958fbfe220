"""Finds the event that payers who were listed late have missed."""

from dataclasses import replace

from goals.models import Goal
from goals.payloads import CancelReason, GoalCancelled, GoalLapsed, GoalPayload, LapseReason
from goals.states import CANCELLED, LIVE
from notifications.events import GOAL_CANCELLED, GOAL_LAPSED, Payload, goal_event
from notifications.fanout.wanted import OwnEvent, Wanted, wanted_access, wanted_event
from notifications.models import NotificationChunk
from taskqueue.calls import Call, Outcome


def wanted_by_late_payers(call: Call, goal: Goal | None) -> Wanted | OwnEvent | Outcome:
    """Return the event that tells payers the present state of the goal, or an outcome if there is no such event.

    The goal is a show, or a funding goal that has lapsed.
    """
    if goal is None:
        return Goal.DoesNotExist(call.args[0])
    goal_id, funding_goal_id = str(goal.pk), goal.context.funding_goal_id or ""
    if goal.lapsed_version is not None and goal.settlement is not None:
        # The total counts only if no event was planned. Then there were no payers at the lapse.
        lapsed = replace(
            GoalLapsed.of(goal, reason=LapseReason(goal.settlement.reason), total=0), version=goal.lapsed_version
        )
        return wanted_event(call, goal, goal_id, GOAL_LAPSED, _as_planned(lapsed, goal.lapsed_version))
    if LIVE.holds(goal) and goal.access_exp is not None:
        access_exp = int(goal.access_exp.timestamp())
        return wanted_access(call, goal_id, funding_goal_id, version=goal.version, exp=access_exp)
    if CANCELLED.holds(goal) and goal.cancelled_version is not None:
        reason = CancelReason(goal.cancel_reason or CancelReason.CANCELLED)  # an earlier release stored no reason
        told = _as_planned(GoalCancelled.of(goal, reason=reason), goal.cancelled_version)
        return wanted_event(call, goal, funding_goal_id, GOAL_CANCELLED, told)
    return "nothing_to_plan"


def _as_planned(payload: GoalPayload, version: int) -> Payload:
    """Return the data of the event that was planned for this version of the goal.

    If no event was planned, return the data of the payload.
    """
    _name, told = goal_event(replace(payload, version=version))
    planned = NotificationChunk.objects.filter(pk=f"{told['event_id']}:0").first()
    return planned.payload if planned else goal_event(payload)[1]
