"""`GET /goals/{id}/payers` and `GET /goals/{id}/deliveries`."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import OWNER, STAFF
from api.etags import answer_unless_known, etag
from api.fields import ObjectIdField, UnixSecondsField
from api.filters import asked_filters
from api.serializers import AnswerSerializer
from api.views import ApiView
from config.errors import raises
from goals.permissions import permitted_goal
from notifications.fanout.ledger import State
from notifications.payers.filters import PayerFilters, PayerPages, Payers
from notifications.payers.present import deliveries, show_of
from showgoals.exclusions import funding_goal_of

STATES = [state.value for state in State]


class PayerSerializer(AnswerSerializer):
    """A payer in an answer."""

    viewer_id = ObjectIdField(read_only=True)
    username = serializers.CharField(read_only=True, allow_null=True)
    amount = serializers.IntegerField(read_only=True)
    payments = serializers.IntegerField(read_only=True)
    first_paid_at = UnixSecondsField(allow_null=True)
    last_paid_at = UnixSecondsField(allow_null=True)
    preview = serializers.ChoiceField(choices=STATES, read_only=True, allow_null=True)
    sd = serializers.ChoiceField(choices=STATES, read_only=True, allow_null=True)
    received_at = UnixSecondsField(allow_null=True)
    credentials_fetched_at = UnixSecondsField(allow_null=True)


class PayersView(ApiView):
    """`GET /goals/{id}/payers`."""

    access = {"get": (OWNER, STAFF)}
    pagination_class = PayerPages
    filterset_class = PayerFilters
    queryset = User.objects.none()  # only for the filters, which need a queryset

    @raises(permitted_goal)
    def get(self, request: Request, goal_id: str) -> Response:
        """Who has paid?

        Lists the payers of a funding goal and its show in the order of their ids. Payers who are only in `breakdown`
        come last. The path takes the id of the funding goal or of the show. `preview` and `sd` say what became of the
        two `stream.authorized` events of the present access.
        """
        goal = permitted_goal(self, goal_id)
        asked = {"state": "", "viewer_id": "", **asked_filters(request, self)}
        payers = Payers(funding_goal_id=funding_goal_of(goal), show_id=show_of(goal), **asked)
        page = self.paginate_queryset(payers)  # type: ignore[arg-type]
        return self.get_paginated_response(PayerSerializer(page, many=True).data)


class DeliveriesView(ApiView):
    """`GET /goals/{id}/deliveries`."""

    access = {"get": (OWNER, STAFF)}

    @raises(permitted_goal)
    def get(self, request: Request, goal_id: str) -> Response:
        """How many viewers were told?

        Counts the payers of a funding goal and its show by what became of the two `stream.authorized` events of the
        present access. The path takes the id of the funding goal or of the show. With `If-None-Match`, the answer is
        304 if no count has changed.
        """
        counts = deliveries(permitted_goal(self, goal_id))
        return answer_unless_known(request, _counts_etag(counts), lambda: counts)


def _counts_etag(counts: dict[str, Any]) -> str:
    """Return the entity tag of the counts."""
    return etag(
        *(part for value in counts.values() for part in (value.values() if isinstance(value, dict) else [value]))
    )
