"""Judges shows that have ended: either the payments are earned, or a person has to decide."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import partial

from bson import ObjectId

from config import clock
from goals.holding import was_live_in_backup
from goals.kinds import GoalKind
from goals.models import Goal
from goals.settlements import SettlementState
from goals.states import ENDED, INACTIVE
from goals.suspects import suspects, unless_it_fails
from mongodb.collections import Document, collection
from mongodb.transactions import run_in_transaction
from sessions_app.recordings.state import RECORDINGS, has_media
from showgoals.models import ShowFundingGoal, ShowGoal
from showgoals.settlement.settling import UNSETTLED, Verdict, settle

JUDGED_AT_ONCE = 1000


class Judgement(StrEnum):
    """Why the payments of a show are earned or in question."""

    PERFORMED = "performed"  # the streamer has said that the show began
    RECORDED = "recorded"  # there is a recording
    ENDED_EARLY = "ended_early"
    NO_EVIDENCE = "no_evidence"
    RESTORED = "restored"  # the show was live in a backup that was restored, so it may have ended early


UNPROVEN: Document = {
    "settlement.state": SettlementState.IN_QUESTION.value,
    "settlement.reason": Judgement.NO_EVIDENCE.value,
}


def settle_show(show_id: str, *, now: datetime) -> bool:
    """Settle the funding goal of a show that has ended. Return whether this call has settled it.

    Runs in the caller's transaction.
    """
    show = ShowGoal.objects.filter(pk=show_id).first()
    if show is None or not ENDED.holds(show):
        return False
    funding_goal = ShowFundingGoal.objects.filter(pk=show.context.funding_goal_id).first()
    if funding_goal is None or funding_goal.settlement is not None:
        return False
    return settle(str(funding_goal.pk), UNSETTLED, judge(show, funding_goal), now=now) is not None


def judge(show: Goal, funding_goal: Goal) -> Verdict:
    """Return the verdict on an ended show. Payments are earned if it lasted its full length and provably took place."""
    if show.exp is None or show.access_exp is None or show.exp < show.access_exp:
        reason = Judgement.ENDED_EARLY
    elif was_live_in_backup(str(show.pk)):
        reason = Judgement.RESTORED
    elif show.context.started_by == "streamer":
        reason = Judgement.PERFORMED
    else:
        reason = Judgement.RECORDED if has_media(str(show.pk)) else Judgement.NO_EVIDENCE
    is_earned = reason in (Judgement.PERFORMED, Judgement.RECORDED)
    state = SettlementState.EARNED if is_earned else SettlementState.IN_QUESTION
    return Verdict(state=state, reason=reason.value, as_sold=is_as_sold(show, funding_goal))


def is_as_sold(show: Goal, funding_goal: Goal) -> bool:
    """Tell whether the show has at least the promised length, and the promised ticket product."""
    promised_seconds = funding_goal.context.perform_duration or 0
    is_same_ticket = show.context.ticket_product_id == funding_goal.context.ticket_product_id
    return bool(is_same_ticket and show.levels[-1].target >= promised_seconds)


def settle_proven() -> int:
    """Settle the funding goals of shows that lacked evidence and now have a recording. Return how many were settled.

    Their payments are then earned.
    """
    pipeline = [
        {"$match": {"_cls": GoalKind.SHOW_FUNDING.value, **UNPROVEN}},
        {"$project": {"show": {"$toObjectId": "$context.show_goal_id"}}},
        {"$lookup": {"from": RECORDINGS, "localField": "show", "foreignField": "_id", "as": "recording"}},
        {"$match": {"recording.provider.files.0": {"$exists": True}}},
        {"$limit": JUDGED_AT_ONCE},
        {"$project": {"_id": True}},
    ]
    proven = [goal["_id"] for goal in collection("goals").aggregate(pipeline, hint="in_question")]
    return sum(_unless_it_fails(goal_id, partial(_prove, str(goal_id))) for goal_id in proven)


def _prove(funding_goal_id: str) -> bool:
    goal = ShowFundingGoal.objects.get(pk=funding_goal_id)
    as_sold = goal.settlement.as_sold if goal.settlement else None
    verdict = Verdict(state=SettlementState.EARNED, reason=Judgement.RECORDED.value, as_sold=as_sold)
    return settle(funding_goal_id, UNPROVEN, verdict, now=clock.now()) is not None


def settle_former() -> int:
    """Settle the funding goals of shows that an earlier release has ended. Return how many were settled."""
    shows = {"from": "goals", "localField": "show", "foreignField": "_id", "as": "show"}
    pipeline = [
        {"$match": {**INACTIVE.condition(GoalKind.SHOW_FUNDING), **UNSETTLED, "lapses_at": None}},
        {"$match": {"context.show_goal_id": {"$type": "string"}}},
        {"$project": {"show": {"$toObjectId": "$context.show_goal_id"}}},
        {"$lookup": {**shows, "pipeline": [{"$match": ENDED.condition(GoalKind.SHOW)}, {"$project": {"_id": True}}]}},
        {"$match": {"show": {"$ne": []}}},
        {"$limit": JUDGED_AT_ONCE},
    ]
    found = [goal["show"][0]["_id"] for goal in collection("goals").aggregate(pipeline, hint="unsettled")]
    now = clock.now()
    return sum(_unless_it_fails(show_id, partial(settle_show, str(show_id), now=now)) for show_id in found)


def _unless_it_fails(goal_id: ObjectId, settles: Callable[[], bool]) -> int:
    """Call `settles` in a transaction, and return its result. Skip a goal that has failed within the last minute.

    If the call fails, log the error and return 0, so that the other funding goals are settled.
    """
    if goal_id in suspects.now():
        return 0
    return unless_it_fails(goal_id, partial(run_in_transaction, settles))
