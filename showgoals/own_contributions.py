"""A viewer's own payments, each with its outcome and its show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from rest_framework import serializers

from api.fields import ObjectIdField, UnixSecondsField
from api.serializers import AnswerSerializer
from config import clock
from goals.models import DEFERRED, Goal
from goals.states import GoalStatus
from mongodb.documents import find
from showgoals.exclusions import admitted_to
from showgoals.models import Contribution
from showgoals.settlement.outcomes import Outcome, outcome_of


@dataclass(frozen=True, slots=True)
class OwnContribution:
    """A payment of the caller. `show` is None as long as the funding goal has no show."""

    contribution: Contribution
    session_id: str
    outcome: Outcome
    show: Goal | None


class PaidShowSerializer(AnswerSerializer):
    """The show that a payment is for."""

    id = ObjectIdField(source="pk", read_only=True)
    status = serializers.SerializerMethodField()
    nbf = UnixSecondsField()
    access_exp = UnixSecondsField()

    def get_status(self, show: Goal) -> GoalStatus:
        """Return the show's status now."""
        return show.status(clock.now())


class OwnContributionSerializer(AnswerSerializer):
    """A payment of the caller in an answer."""

    id = ObjectIdField(source="contribution.pk", read_only=True)
    goal_id = ObjectIdField(source="contribution.funding_goal_id", read_only=True)
    session_id = ObjectIdField(read_only=True)
    amount = serializers.IntegerField(source="contribution.amount", read_only=True)
    created_at = UnixSecondsField(source="contribution.created_at")
    outcome = serializers.ChoiceField(choices=Outcome.values, read_only=True)
    show: Any = PaidShowSerializer(read_only=True, allow_null=True)


def own_contributions(paid: Sequence[Contribution], *, viewer_id: str) -> list[OwnContribution]:
    """Return a row for each of the viewer's payments `paid`. Make at most three queries."""
    funding_goals = _goals({each.funding_goal_id for each in paid})
    shows = _goals({goal.context.show_goal_id for goal in funding_goals.values()} - {None})
    admitted = set(admitted_to(viewer_id, list(funding_goals))) if funding_goals else set()
    rows = []
    for each in paid:
        goal = funding_goals[each.funding_goal_id]
        outcome = outcome_of(goal.settlement, is_excluded=each.funding_goal_id not in admitted)
        show = shows.get(goal.context.show_goal_id or "")
        rows.append(OwnContribution(each, goal.conditions.session_id, outcome, show))
    return rows


def _goals(ids: set[Any]) -> dict[str, Goal]:
    condition = {"_id": {"$in": [ObjectId(goal_id) for goal_id in ids]}}
    return {str(goal.pk): goal for goal in find(Goal, condition, deferred=DEFERRED)} if ids else {}
