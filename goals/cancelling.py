"""Cancels goals that have not started, on request or because it is too late to start them."""

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from bson import ObjectId
from django.conf import settings

from goals.models import Goal, TimelineKind, starting_kinds
from goals.payloads import CancelReason, GoalCancelled
from goals.signals import announce, goal_cancelled
from goals.states import NOT_HELD, SCHEDULED, Condition
from goals.suspects import suspects, unless_it_fails
from goals.timeline import record
from goals.versions import NEXT_VERSION, change_goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from taskqueue.heartbeat import count_repairs

logger = logging.getLogger(__name__)

CANCELLED_AT_ONCE = 1000


def cancel_goal(condition: Condition, *, now: datetime, reason: CancelReason, note: str = "") -> Goal | None:
    """Cancel the goal that meets the condition, and announce the cancellation.

    If there is a `note`, put it on the timeline. Return the cancelled goal, or None if no goal meets the condition. The
    condition must exclude goals that have started. Runs in the caller's transaction.
    """
    why = {"cancel_reason": reason.value, "cancelled_version": NEXT_VERSION}
    cancelled = change_goal(condition, {"cancelled_at": now, "active": False, **why})
    if cancelled is not None:
        announce(goal_cancelled, GoalCancelled.of(cancelled, reason=reason))
        if note:
            record(str(cancelled.pk), TimelineKind.SIGNAL, goal_cancelled.name, reason, note)
    return cancelled


def oldest_startable(now: datetime) -> datetime:
    """Return the earliest nbf with which a goal may still start now. A goal with an earlier nbf was missed."""
    return now - timedelta(seconds=settings.START_GRACE)


def cancel_missed(*, now: datetime, until: float) -> int:
    """Cancel the goals that were missed, each in a transaction of its own. Return how many were cancelled.

    At most CANCELLED_AT_ONCE goals of each kind are cancelled. Begin no further goal after the monotonic time `until`.
    """
    alone = {"nbf": {"$lt": oldest_startable(now)}, "_id": {"$nin": list(suspects.now())}, **NOT_HELD}
    missed = 0
    for kind in starting_kinds():
        late = collection("goals").find({**SCHEDULED.condition(kind), **alone}, {"_id": True})
        for goal in late.sort("nbf", 1).limit(CANCELLED_AT_ONCE):
            missed += unless_it_fails(goal["_id"], partial(cancel_if_missed, goal["_id"], now=now))
            if time.monotonic() >= until:
                return missed
    return missed


def missed_among(goal_ids: Iterable[ObjectId], *, now: datetime) -> list[ObjectId]:
    """Return the ids of those goals that were missed and have not been cancelled."""
    missed = {**_missed(now), "_id": {"$in": list(goal_ids)}}
    return [goal["_id"] for goal in collection("goals").find(missed, {"_id": True})]


def cancel_if_missed(goal_id: ObjectId, *, now: datetime) -> bool:
    """Cancel the goal if it was missed, and log the cancellation. Return whether it was cancelled.

    A show should not start hours late, because its payers have left by then. A missed show can be revived, like any
    other cancelled show.
    """
    missed = {**_missed(now), "_id": goal_id}
    if run_in_transaction(partial(cancel_goal, missed, now=now, reason=CancelReason.MISSED)) is None:
        return False
    logger.critical("too late to start: cancelled goal=%s start_grace=%ss", goal_id, settings.START_GRACE)
    count_repairs("goals.missed", 1)
    return True


def _missed(now: datetime) -> Condition:
    return {**SCHEDULED.condition(*starting_kinds()), "nbf": {"$lt": oldest_startable(now)}, **NOT_HELD}
