"""The use case by which a person decides what becomes of payments that are in question."""

from datetime import datetime

from bson import ObjectId
from django.utils.translation import gettext_lazy as _

from api.audit import Author, record_change
from config.errors import ProductError, raises
from goals.errors import GoalNotFound
from goals.kinds import GoalKind
from goals.lookup import goal_of_kind
from goals.models import Goal, TimelineKind
from goals.payloads import LapseReason
from goals.settlements import SettlementState
from goals.states import ACTIVE, CANCELLED, INACTIVE, NOT_CANCELLED
from goals.timeline import record
from goals.versions import change_goal
from mongodb.collections import Document, collection
from sessions_app.recordings.state import has_media
from showgoals.change_notes import CHANGED_BY
from showgoals.models import ShowFundingGoal
from showgoals.settlement.lapsing import waits_because
from showgoals.settlement.performance import Judgement
from showgoals.settlement.settling import UNSETTLED, Verdict, settle

LISTED = 1000
RECORDING_FOUND = _("A recording of the show was found, so the payments will be earned within a minute.")
OUTCOMES = (SettlementState.EARNED, SettlementState.REFUND_DUE)


class NotAFundingGoal(ProductError):
    """Only funding goals have a settlement."""

    code = "not_a_funding_goal"
    status = 409
    detail = _("Only funding goals have a settlement.")


class NotInQuestion(ProductError):
    """The goal is open, waits for its show or its lapse, or has a new recording that speaks against a refund."""

    code = "not_in_question"
    status = 409
    detail = _("There is nothing to decide: the payments of this funding goal are not in question.")


class AlreadyDecided(ProductError):
    """The other outcome has already been decided."""

    code = "already_decided"
    status = 409
    detail = _("It has already been decided otherwise what becomes of the payments.")


@raises(GoalNotFound, NotAFundingGoal, AlreadyDecided, NotInQuestion)
def decide_settlement(goal_id: str, *, outcome: SettlementState, reason: str, by: Author, now: datetime) -> Goal:
    """Decide what becomes of the payments of a funding goal. The timeline has the `reason` and the author `by`.

    The payments must be in question, unless an earlier release has closed the goal and it has no show. Such a goal does
    not lapse by itself. Runs in the caller's transaction. Idempotent: a second call with the same outcome changes
    nothing.
    """
    goal = goal_of_kind(ShowFundingGoal, goal_id, otherwise=NotAFundingGoal)
    if goal.settlement is not None and goal.settlement.state in OUTCOMES:
        if goal.settlement.state != outcome:
            raise AlreadyDecided(goal_id=goal_id)
        return goal
    as_sold = goal.settlement.as_sold if goal.settlement else None
    verdict = Verdict(state=outcome, reason=reason, as_sold=as_sold, decided_by=by.name)
    before = {"settlement": goal.settlement.state if goal.settlement else None}
    decided = settle(goal_id, _question(goal, outcome), verdict, now=now)
    if decided is None:
        raise NotInQuestion(goal_id=goal_id)
    detail = f"version {decided.version}, {by}: {outcome.value}: {reason}"
    record(goal_id, TimelineKind.TASK, "decide_settlement", CHANGED_BY, detail)
    after = {"settlement": outcome.value}
    record_change(
        "decide_settlement", decided, by=by, about=[goal.metadata.user_id], reason=reason, before=before, after=after
    )
    return decided


def can_be_decided(goal: Goal) -> bool:
    """Tell whether the payments of the goal wait for a person's decision."""
    if not isinstance(goal, ShowFundingGoal):
        return False
    if goal.settlement is not None:
        return bool(goal.settlement.state == SettlementState.IN_QUESTION)
    return goal.lapses_at is None and not ACTIVE.holds(goal) and waits_because(goal) is not None


def waiting_for_decision() -> list[ObjectId]:
    """Return the ids of the funding goals about whose payments a person has to decide, at most LISTED of each sort.

    There are two sorts: goals whose payments are in question, and goals that an earlier release has closed and that
    have no show.
    """
    goals, funding = collection("goals"), {"_cls": GoalKind.SHOW_FUNDING.value}
    in_question = goals.find({**funding, "settlement.state": SettlementState.IN_QUESTION.value}, {"_id": True})
    standing = {"from": "goals", "localField": "show", "foreignField": "_id", "as": "standing"}
    not_cancelled = NOT_CANCELLED.condition(GoalKind.SHOW)
    former = [
        {"$match": {**INACTIVE.condition(GoalKind.SHOW_FUNDING), **UNSETTLED, "lapses_at": None}},
        {"$project": {"show": {"$toObjectId": "$context.show_goal_id"}}},
        {"$lookup": {**standing, "pipeline": [{"$match": not_cancelled}, {"$project": {"_id": True}}]}},
        {"$match": {"standing": []}},
        {"$limit": LISTED},
    ]
    found = [*in_question.limit(LISTED), *goals.aggregate(former, hint="unsettled")]
    return [goal["_id"] for goal in found]


def _question(goal: Goal, outcome: SettlementState) -> Document:
    """Return the condition that holds while the payments wait for a decision.

    Raise NotInQuestion if it does not hold.
    """
    if not can_be_decided(goal):
        raise NotInQuestion(goal_id=str(goal.pk))
    if goal.settlement is not None:
        lacks_evidence = outcome == SettlementState.REFUND_DUE and goal.settlement.reason == Judgement.NO_EVIDENCE
        if lacks_evidence and has_media(goal.context.show_goal_id):
            raise NotInQuestion(RECORDING_FOUND, goal_id=str(goal.pk))
        return {"settlement.state": SettlementState.IN_QUESTION.value}
    if waits_because(goal) is LapseReason.SHOW_CANCELLED:
        # This change and a revival both write to the show. If they coincide, MongoDB aborts one of the transactions.
        show_id = ObjectId(goal.context.show_goal_id)
        if change_goal({"_id": show_id, **CANCELLED.condition(GoalKind.SHOW)}, {}) is None:
            raise NotInQuestion(goal_id=str(goal.pk))
    return {**UNSETTLED, "lapses_at": None, "context.show_goal_id": goal.context.show_goal_id}
