"""`POST /goals/{id}/payers/{viewer_id}/exclude` and `POST /goals/{id}/payers/{viewer_id}/include`."""

from functools import partial
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from api.access import Role, caller
from api.audit import author
from api.fields import id_or_404
from api.views import ApiView
from config import clock
from config.errors import raises
from goals.permissions import permitted_goal
from mongodb.transactions import run_in_transaction
from showgoals.excluding import exclude_payer, include_payer
from showgoals.exclusions import funding_goal_of
from showgoals.serializers import ExclusionBody

STAFF_WHO_EXCLUDE = Role("staff with *exclude payers*", permission="showgoals.exclude_payers")


class ExcludeView(ApiView):
    """`POST /goals/{id}/payers/{viewer_id}/exclude`."""

    access = {"post": (STAFF_WHO_EXCLUDE,)}

    @raises(permitted_goal, exclude_payer)
    def post(self, request: Request, goal_id: str, viewer_id: str) -> Response:
        """Exclude a payer.

        Excludes a payer after a chargeback or for abuse. The `id` in the path names the funding goal or its show. From
        now on, the payer gets no events and no credentials, and the session token view answers `preview`.
        Credentials that the payer already has stay valid until `access_exp`. The outcome of the payment is
        `refund_due`. `reason` is put on the timelines of the funding goal and its show. Idempotent: a second call keeps
        the first reason.
        """
        reason = _reason(request)
        goal, viewer = permitted_goal(self, goal_id), id_or_404(viewer_id)
        by = author(caller(request))
        take_out = partial(exclude_payer, goal, viewer, reason=reason, by=by, now=clock.now())
        exclusion, _is_new = run_in_transaction(take_out)
        excluded: dict[str, Any] = {"reason": exclusion.reason, "excluded_at": int(exclusion.at.timestamp())}
        return Response({"viewer_id": viewer, "goal_id": funding_goal_of(goal), "excluded": True, **excluded})


class IncludeView(ApiView):
    """`POST /goals/{id}/payers/{viewer_id}/include`."""

    access = {"post": (STAFF_WHO_EXCLUDE,)}

    @raises(permitted_goal, include_payer)
    def post(self, request: Request, goal_id: str, viewer_id: str) -> Response:
        """Include a payer again.

        Revokes the exclusion. If the show is live, the payer gets credentials at once. Otherwise, the payer is sent
        the events that the other payers were sent, unless they are outdated. `reason` is put on the timelines of the
        funding goal and its show. Idempotent.
        """
        reason = _reason(request)
        goal, viewer = permitted_goal(self, goal_id), id_or_404(viewer_id)
        by = author(caller(request))
        run_in_transaction(lambda: include_payer(goal, viewer, reason=reason, by=by))
        included = {"excluded": False, "reason": None, "excluded_at": None}
        return Response({"viewer_id": viewer, "goal_id": funding_goal_of(goal), **included})


def _reason(request: Request) -> str:
    body = ExclusionBody(data=request.data)
    body.is_valid(raise_exception=True)
    reason: str = body.validated_data["reason"]
    return reason
