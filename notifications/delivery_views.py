"""`GET /goals/{id}/viewers/{viewer_id}` and `POST /goals/{id}/redeliver`."""

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from api.caller import caller, caller_id
from api.fields import id_or_404
from api.views import ApiView
from config.transactions import run_in_transaction
from goals.errors import GoalNotFound
from goals.models import Goal
from notifications.redeliver import redeliver_to, redeliver_unsent
from notifications.serializers import RedeliverBody
from notifications.viewers import viewer_report


class ViewerView(ApiView):
    """Why wasn't I let in? For the goal's owner, staff, and the viewer."""

    def get(self, request: Request, goal_id: str, viewer_id: str) -> Response:
        """Answer what is known of the viewer and the goal."""
        goal_id, viewer_id = id_or_404(goal_id), id_or_404(viewer_id)
        goal = Goal.objects.filter(pk=goal_id).first()
        if goal is None or (caller_id(request) != viewer_id and not _may_see(request, goal)):
            raise GoalNotFound(goal_id=goal_id)
        return Response(viewer_report(goal, viewer_id), headers={"Cache-Control": "private, no-store"})


class RedeliverView(ApiView):
    """For the goal's owner and staff."""

    def post(self, request: Request, goal_id: str) -> Response:
        """Have `stream.authorized` sent again: to one viewer, or to all who have not got it."""
        goal_id = id_or_404(goal_id)
        body = RedeliverBody(data=request.data)
        body.is_valid(raise_exception=True)
        goal = Goal.objects.filter(pk=goal_id).first()
        if goal is None or not _may_see(request, goal):
            raise GoalNotFound(goal_id=goal_id)
        viewer_id: str | None = body.validated_data.get("viewer_id")
        now = timezone.now()
        events = run_in_transaction(
            lambda: redeliver_to(goal, viewer_id, now=now) if viewer_id else redeliver_unsent(goal, now=now)
        )
        return Response({"events": events})


def _may_see(request: Request, goal: Goal) -> bool:
    return caller(request).is_staff or goal.metadata.user_id == caller_id(request)
