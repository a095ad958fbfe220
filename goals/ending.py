"""The end of a goal: of a show when its payers' access ends, of a funding goal when its window closes."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from bson import ObjectId

from config.errors import Unavailable
from goals.models import Goal
from goals.payloads import GoalEnded
from goals.signals import announce, goal_ended
from goals.suspects import suspects
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from taskqueue.durable import task_at

logger = logging.getLogger(__name__)

RECONCILED_AT_ONCE = 1000
deactivate_goal = task_at("goals.tasks.deactivate_goal")


def schedule_end(goal_id: str, ends_at: datetime | None, *, grace: timedelta = timedelta(0)) -> None:
    """Queue the goal's end with the open transaction, if it has one.

    The message is due `grace` after `ends_at`. When `ends_at` has moved meanwhile, the message does nothing.
    """
    if ends_at is not None:
        deactivate_goal.enqueue_at(ends_at + grace, goal_id, int(ends_at.timestamp()), subject=goal_id)


def end_if_due(goal_id: str, ends_at: datetime) -> str:
    """End the goal if it runs and `ends_at` is still its end. Runs in the caller's transaction."""
    goal = Goal.objects.filter(pk=goal_id).first()
    if goal is None or not goal.runs or goal.ends_at != ends_at:
        return "not_endable"
    end_goal(goal, ended_at=ends_at)
    return "ended"


def end_goal(goal: Goal, *, ended_at: datetime) -> None:
    """Write the end and announce it. The caller's transaction must have read the goal as running."""
    changes = {"active": False, "exp": ended_at}
    collection("goals").update_one({"_id": ObjectId(goal.pk)}, {"$set": changes})
    goal.active, goal.exp = False, ended_at
    announce(goal_ended, GoalEnded.of(goal, progress=goal.progress, exp=goal.exp))


def end_overdue(*, before: datetime) -> int:
    """End each goal that should have ended before the moment, in a transaction of its own. Returns how many it ended.

    A goal that can't be ended is logged and left alone for a minute, so that all other goals still end.
    """
    ended, seen = 0, set[ObjectId]()
    while late := overdue_ends(before=before, leave_out=seen | suspects.now()):
        seen |= {goal.pk for goal in late}
        ended += sum(_ends(goal) for goal in late)
    return ended


def _ends(goal: Goal) -> bool:
    try:
        ends_at = goal.ends_at
        return ends_at is not None and run_in_transaction(partial(end_if_due, str(goal.pk), ends_at)) == "ended"
    except Unavailable:
        raise
    except Exception:
        logger.exception("goal can't end goal=%s", goal.pk)
        suspects.add(goal.pk)
        return False


def overdue_ends(*, before: datetime, leave_out: Iterable[ObjectId]) -> list[Goal]:
    """Return goals that should have ended before the moment and have not, at most RECONCILED_AT_ONCE of a kind."""
    others = {"_id": {"$nin": list(leave_out)}}
    goals = collection("goals")
    found = [
        goals.find({**proxy.overdue_end(proxy.RUNNING.condition(kind), before=before), **others}, {"_id": True})
        for kind, proxy in Goal.proxies.items()
        if proxy.RUNNING
    ]
    ids = [goal["_id"] for late in found for goal in late.limit(RECONCILED_AT_ONCE)]
    return list(Goal.objects.filter(pk__in=ids)) if ids else []
