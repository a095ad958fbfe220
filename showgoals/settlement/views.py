"""`GET` and `POST /goals/{id}/settlement`, and `GET /goals/{id}/settlement.csv`."""

from typing import Any

from django.http import StreamingHttpResponse
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import OWNER, STAFF, Role, caller
from api.audit import author
from api.fields import StrictCharField
from api.models import Scope
from api.serializers import StrictSerializer
from api.views import ApiView
from config import clock
from config.errors import raises
from goals.models import Goal
from goals.permissions import permitted_goal
from goals.settlements import SettlementState
from mongodb.transactions import run_in_transaction
from showgoals.models import REASON_LENGTH, ShowFundingGoal
from showgoals.settlement.deciding import OUTCOMES, NotAFundingGoal, decide_settlement
from showgoals.settlement.reading import outcomes_as_csv, settlement_data

ATTACHMENT = {"Content-Disposition": 'attachment; filename="settlement.csv"', "Cache-Control": "private, no-store"}
STAFF_WHO_DECIDE = Role(
    "staff with *decide settlements*", permission="goals.decide_settlement", scope=Scope.SETTLEMENTS
)


class DecisionBody(StrictSerializer):
    """The body of `POST /goals/{id}/settlement`: the decision and its reason."""

    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in OUTCOMES])
    reason = StrictCharField(max_length=REASON_LENGTH)


class SettlementView(ApiView):
    """`GET` and `POST /goals/{id}/settlement`."""

    access = {"get": (OWNER, STAFF), "post": (STAFF_WHO_DECIDE,)}

    @raises(permitted_goal, NotAFundingGoal)
    def get(self, request: Request, goal_id: str) -> Response:
        """What becomes of the payments.

        Returns the settlement of a funding goal. While its `state` is `open`, `awaiting_show` or
        `awaiting_performance`, nothing is decided, and the sums are the present ones. `in_question` means that a person
        has to decide. `earned` and `refund_due` are final, but a payment made at the last moment may still add to the
        sums. `reason` is a code, or the text that the person in `decided_by` wrote. `as_sold` says whether the show has
        at least the promised length, and the promised ticket product.
        """
        del request
        return Response(settlement_data(_funding_goal(self, goal_id), now=clock.now()))

    @raises(permitted_goal, decide_settlement)
    def post(self, request: Request, goal_id: str) -> Response:
        """Decide what becomes of the payments.

        The state must be `in_question`, or `awaiting_show` if an earlier release has closed the funding goal. Such a
        goal does not lapse by itself. `reason` is put on the timeline. Idempotent: a second call with the same outcome
        keeps the first reason.
        """
        body = DecisionBody(data=request.data)
        body.is_valid(raise_exception=True)
        decision: dict[str, Any] = {
            "outcome": SettlementState(body.validated_data["outcome"]),
            "reason": body.validated_data["reason"],
            "by": author(caller(request)),
        }
        goal_id = str(permitted_goal(self, goal_id).pk)
        decided = run_in_transaction(lambda: decide_settlement(goal_id, **decision, now=clock.now()))
        return Response(settlement_data(decided, now=clock.now()))


class CommaSeparated(JSONRenderer):
    """The media type of the response, which the request's `Accept` must allow. Error responses are JSON."""

    media_type = "text/csv"


class SettlementCsvView(ApiView):
    """`GET /goals/{id}/settlement.csv`."""

    access = {"get": (OWNER, STAFF)}
    renderer_classes = (CommaSeparated,)

    @raises(permitted_goal, NotAFundingGoal)
    def get(self, request: Request, goal_id: str) -> StreamingHttpResponse:
        """What becomes of each payer's money.

        Returns a CSV file with the columns `viewer` (the id), `amount` and `outcome`. The amounts add up to the
        settlement's `total`. The outcome of a payer who was excluded is `refund_due`.
        """
        del request
        lines = outcomes_as_csv(str(_funding_goal(self, goal_id).pk))
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=ATTACHMENT)


def _funding_goal(view: ApiView, goal_id: str) -> Goal:
    goal = permitted_goal(view, goal_id)
    if not isinstance(goal, ShowFundingGoal):
        raise NotAFundingGoal(goal_id=goal_id)
    return goal
