"""Ends goals: a show when its payers' access ends, and a funding goal at its `exp`."""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from bson import ObjectId

from goals.models import Goal
from goals.payloads import GoalEnded
from goals.signals import announce, goal_ended
from goals.suspects import suspects, unless_it_fails
from goals.versions import change_goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from taskqueue.durable import task_at

RECONCILED_AT_ONCE = 1000
deactivate_goal = task_at("goals.tasks.deactivate_goal")


def schedule_end(goal_id: str, ends_at: datetime | None, *, grace: timedelta = timedelta(0)) -> None:
    """Queue the goal's end in the open transaction. Do nothing if the goal has no end.

    The message is due `grace` after `ends_at`. If the end has moved by then, the message does nothing.
    """
    if ends_at is not None:
        deactivate_goal.enqueue(goal_id, int(ends_at.timestamp()), at=ends_at + grace, subject=goal_id)


def move_end(goal_id: str, ends_at: datetime | None, *, grace: timedelta = timedelta(0)) -> None:
    """Replace the goal's queued end in the open transaction, or withdraw it if the goal has no end.

    The arguments are those of `schedule_end`.
    """
    if ends_at is None:
        deactivate_goal.withdraw(goal_id)
    else:
        deactivate_goal.replace(goal_id, int(ends_at.timestamp()), at=ends_at + grace, subject=goal_id)


def end_if_due(goal_id: str, ends_at: datetime) -> str:
    """End the goal if it is running and still ends at `ends_at`.

    Return the outcome of the task: "ended" or "not_endable". Runs in the caller's transaction.
    """
    goal = Goal.objects.filter(pk=goal_id).first()
    if goal is None or not goal.runs or goal.ends_at != ends_at:
        return "not_endable"
    end_goal(goal, ended_at=ends_at)
    return "ended"


def end_goal(goal: Goal, *, ended_at: datetime) -> None:
    """Store the end and announce it. Raise Goal.DoesNotExist if the goal is no longer stored.

    The caller's transaction must have found that the goal is running.
    """
    goal.close_books()  # first, because it changes the stored goal that is announced
    changes = {"active": False, "exp": ended_at, **goal.changes_at_end(ended_at)}
    ended = change_goal({"_id": ObjectId(goal.pk)}, changes)
    if ended is None:
        raise Goal.DoesNotExist(goal.pk)
    announce(goal_ended, GoalEnded.of(ended))


def end_overdue(*, before: datetime, until: float) -> int:
    """End each goal that should have ended earlier than `before`, each in a transaction of its own.

    Return how many were ended. Begin no further goal after the monotonic time `until`. If a goal can't be ended, the
    error is logged and the goal is skipped for a minute, so that all other goals still end.
    """
    ended, seen = 0, set[ObjectId]()
    while late := overdue_ends(before=before, leave_out=seen | suspects.now()):
        seen.update(late)
        for goal_id in late:
            ended += unless_it_fails(goal_id, partial(_ends, goal_id, before=before))
            if time.monotonic() >= until:
                return ended
    return ended


def _ends(goal_id: ObjectId, *, before: datetime) -> bool:
    goal = Goal.objects.filter(pk=str(goal_id)).first()
    if goal is None or goal.ends_at is None or goal.ends_at >= before:
        return False
    return run_in_transaction(partial(end_if_due, str(goal_id), goal.ends_at)) == "ended"


def overdue_ends(*, before: datetime, leave_out: Iterable[ObjectId]) -> list[ObjectId]:
    """Return the ids of the goals that should have ended earlier than `before` and have not.

    Return at most RECONCILED_AT_ONCE goals of each kind.
    """
    others = {"_id": {"$nin": list(leave_out)}}
    goals = collection("goals")
    found: list[ObjectId] = []
    for kind, proxy in Goal.proxies.items():
        if proxy.RUNNING is None:
            continue
        overdue = {**proxy.overdue_end(proxy.RUNNING.condition(kind), before=before), **others}
        found += [goal["_id"] for goal in goals.find(overdue, {"_id": True}).limit(RECONCILED_AT_ONCE)]
    return found
