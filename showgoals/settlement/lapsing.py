"""Lapses funding goals that get no show. Their payments are then due back.

After a funding goal has closed, or after its show was cancelled, it waits for a show until `lapses_at`. That field is
null at all other times. It is also null if an earlier release has closed the goal.
"""

import time
from collections.abc import Iterable
from datetime import datetime
from functools import partial

from bson import ObjectId

from goals.kinds import GoalKind
from goals.models import Goal
from goals.payloads import GoalLapsed, LapseReason
from goals.settlements import SettlementState
from goals.signals import announce, goal_lapsed
from goals.states import CANCELLED
from goals.suspects import suspects, unless_it_fails
from goals.versions import NEXT_VERSION
from mongodb.collections import Document, collection
from mongodb.transactions import run_in_transaction
from showgoals.errors import FundingLapsed
from showgoals.models import ShowFundingGoal, lapse_moment
from showgoals.settlement.settling import UNSETTLED, Verdict, settle
from taskqueue.durable import task_at

RECONCILED_AT_ONCE = 1000
# Funding goals that an earlier release has closed do not match, because they do not have the field `settlement`.
LAPSABLE: Document = {"settlement": {"$type": "null"}}
lapse_funding_goal = task_at("showgoals.settlement.tasks.lapse_funding_goal")


def schedule_lapse(funding_goal_id: str, lapses_at: datetime) -> None:
    """Queue the lapse in the open transaction. The new message replaces one that is queued for another moment."""
    lapse_funding_goal.replace(funding_goal_id, int(lapses_at.timestamp()), at=lapses_at, subject=funding_goal_id)


def withdraw_lapse(funding_goal: Goal) -> None:
    """Delete the queued message for the lapse, if there is one, in the open transaction."""
    if funding_goal.lapses_at is not None:
        lapse_funding_goal.withdraw(str(funding_goal.pk))


def await_revival(funding_goal_id: str, *, cancelled_at: datetime) -> datetime | None:
    """Let the funding goal of a cancelled show lapse unless the show is revived in time. Return when it will lapse.

    Return None if the funding goal is missing or settled, or if an earlier release has closed it and a person has to
    decide. Runs in the caller's transaction.
    """
    goal = ShowFundingGoal.objects.filter(pk=funding_goal_id).first()
    if goal is None:
        return None
    lapses_at = lapse_moment(goal, since=cancelled_at)
    written = collection("goals").update_one({"_id": goal.pk, **LAPSABLE}, {"$set": {"lapses_at": lapses_at}})
    if not written.matched_count:
        return None
    schedule_lapse(funding_goal_id, lapses_at)
    return lapses_at


def stop_lapse(funding_goal_id: str) -> None:
    """Stop the lapse, because the cancelled show is being revived. Raise FundingLapsed if the funding goal is settled.

    Runs in the caller's transaction.
    """
    waiting = {"_id": ObjectId(funding_goal_id), **UNSETTLED}
    if not collection("goals").update_one(waiting, {"$set": {"lapses_at": None}}).matched_count:
        raise FundingLapsed(funding_goal_id=funding_goal_id)
    lapse_funding_goal.withdraw(funding_goal_id)


def check_not_settled(funding_goal_id: str) -> None:
    """Raise FundingLapsed if the funding goal of a cancelled show is settled, because the show then can't come back."""
    if ShowFundingGoal.objects.filter(pk=funding_goal_id, settlement__isnull=False).exists():
        raise FundingLapsed(funding_goal_id=funding_goal_id)


def lapse(goal: Goal, condition: Document, *, reason: LapseReason, now: datetime) -> bool:
    """Lapse the funding goal if it meets the condition and is not settled. Return whether it lapsed.

    The lapse is announced. Runs in the caller's transaction.
    """
    verdict = Verdict(state=SettlementState.REFUND_DUE, reason=reason.value)
    changes = {"lapsed_version": NEXT_VERSION}
    lapsed = settle(str(goal.pk), {**UNSETTLED, **condition}, verdict, now=now, changes=changes)
    if lapsed is None or lapsed.settlement is None:
        return False
    withdraw_lapse(goal)
    announce(goal_lapsed, GoalLapsed.of(lapsed, reason=reason, total=lapsed.settlement.total))
    return True


def lapse_if_due(funding_goal_id: str, lapses_at: datetime, *, now: datetime) -> str:
    """Lapse the funding goal if it still lapses at `lapses_at`, and the database's clock has reached that moment.

    Return the outcome of the task: "lapsed", "not_lapsable", "has_show" or "too_early". Runs in the caller's
    transaction.
    """
    goal = ShowFundingGoal.objects.filter(pk=funding_goal_id).first()
    if goal is None or goal.settlement is not None or goal.lapses_at != lapses_at:
        return "not_lapsable"
    reason = waits_because(goal)
    if reason is None:  # a process of an earlier release has created or revived the show
        collection("goals").update_one({"_id": goal.pk}, {"$set": {"lapses_at": None}})
        return "has_show"
    due = {"lapses_at": lapses_at, "$expr": {"$lte": ["$lapses_at", "$$NOW"]}}
    return "lapsed" if lapse(goal, due, reason=reason, now=now) else "too_early"


def waits_because(funding_goal: Goal) -> LapseReason | None:
    """Return why the funding goal has no show: none was created, or the show was cancelled.

    Return None if it has one.
    """
    show_id = funding_goal.context.show_goal_id
    if show_id is None:
        return LapseReason.NO_SHOW
    show = Goal.objects.filter(pk=show_id).first()
    return LapseReason.SHOW_CANCELLED if show is not None and CANCELLED.holds(show) else None


def lapse_overdue(*, before: datetime, until: float) -> int:
    """Lapse each funding goal that should have lapsed earlier than `before`, each in a transaction of its own.

    Return how many lapsed. Begin no further goal after the monotonic time `until`. If the lapse of a goal fails, the
    error is logged and the goal is skipped for a minute, so that all other goals lapse.
    """
    lapsed, seen = 0, set[ObjectId]()
    while late := _overdue(before=before, leave_out=seen | suspects.now()):
        seen.update(late)
        for goal_id in late:
            lapsed += unless_it_fails(goal_id, partial(_lapses, goal_id, now=before))
            if time.monotonic() >= until:
                return lapsed
    return lapsed


def _lapses(goal_id: ObjectId, *, now: datetime) -> bool:
    goal = ShowFundingGoal.objects.filter(pk=str(goal_id)).first()
    if goal is None or goal.lapses_at is None:
        return False
    return run_in_transaction(partial(lapse_if_due, str(goal_id), goal.lapses_at, now=now)) == "lapsed"


def _overdue(*, before: datetime, leave_out: Iterable[ObjectId]) -> list[ObjectId]:
    """Return the ids of the funding goals that should have lapsed earlier than `before`, earliest first."""
    overdue = {"_cls": GoalKind.SHOW_FUNDING.value, **UNSETTLED, "lapses_at": {"$lt": before}}
    found = collection("goals").find({**overdue, "_id": {"$nin": list(leave_out)}}, {"_id": True}, hint="unsettled")
    return [goal["_id"] for goal in found.sort("lapses_at", 1).limit(RECONCILED_AT_ONCE)]
