"""The views of viewers' events: the report on one viewer, redelivery, and the receipts of clients."""

from functools import partial
from http import HTTPStatus

from rest_framework.request import Request
from rest_framework.response import Response

from api.access import OWNER, STAFF, Role, caller, caller_id
from api.audit import author
from api.fields import ObjectIdField, StrictCharField, id_or_404
from api.serializers import OptionalBody, StrictSerializer
from api.views import ApiView
from config import clock
from config.errors import raises
from goals.permissions import THAT_VIEWER, permitted_goal
from mongodb.transactions import run_in_transaction
from notifications.fanout.redelivery import redeliver_to, redeliver_unsent
from notifications.fanout.report import viewer_report
from notifications.receipts import confirm

VIEWER = Role("viewer")
STAFF_WHO_SEND = Role("staff with *send again*", permission="goals.send_again")
EVENT_ID_LENGTH = 64


class ViewerView(ApiView):
    """`GET /goals/{id}/viewers/{viewer_id}`."""

    access = {"get": (OWNER, STAFF, THAT_VIEWER)}

    @raises(permitted_goal)
    def get(self, request: Request, goal_id: str, viewer_id: str) -> Response:
        """Why wasn't I let in?

        Returns what the server knows about one viewer of a show. With a funding goal's id, the report is about its
        show. `events` and `credentials_fetched` are kept for 30 days. `code` and `explanation` summarise the report.
        """
        goal = permitted_goal(self, goal_id, viewer_id=viewer_id)
        report = viewer_report(goal, id_or_404(viewer_id), now=clock.now())
        return Response(report, headers={"Cache-Control": "private, no-store"})


class ReceivedBody(StrictSerializer):
    """The body of `POST /goals/{id}/received`."""

    event_id = StrictCharField(max_length=EVENT_ID_LENGTH)


class ReceivedView(ApiView):
    """`POST /goals/{id}/received`."""

    access = {"post": (VIEWER,)}

    @raises(confirm)
    def post(self, request: Request, goal_id: str) -> Response:
        """I have got an event.

        The client of a viewer confirms an event that arrived on one of the viewer's own channels. Idempotent: the first
        confirmation counts.
        """
        body = ReceivedBody(data=request.data)
        body.is_valid(raise_exception=True)
        confirm(id_or_404(goal_id), body.validated_data["event_id"], caller_id(request), now=clock.now())
        return Response(status=HTTPStatus.NO_CONTENT)


class RedeliverBody(OptionalBody):
    """The body of `POST /goals/{id}/redeliver`."""

    viewer_id = ObjectIdField(required=False)


class RedeliverView(ApiView):
    """`POST /goals/{id}/redeliver`."""

    access = {"post": (OWNER, STAFF_WHO_SEND)}

    @raises(permitted_goal, redeliver_to, redeliver_unsent)
    def post(self, request: Request, goal_id: str) -> Response:
        """Send credentials again.

        Sends `stream.authorized` of a live show again. With `viewer_id`, it goes to that viewer, even if it was sent
        before. With `{}`, it goes to all viewers for whom Pusher has not accepted it. The answer has the number of
        events, which is 0 if there was nothing to send. The events keep their `event_id`, and `redelivery` counts
        the redeliveries for each viewer and event.
        """
        body = RedeliverBody(data=request.data)
        body.is_valid(raise_exception=True)
        goal = permitted_goal(self, goal_id)
        viewer_id: str | None = body.validated_data.get("viewer_id")
        by = author(caller(request), owner_id=goal.metadata.user_id)
        again = partial(redeliver_to, goal, viewer_id) if viewer_id else partial(redeliver_unsent, goal)
        events = run_in_transaction(partial(again, now=clock.now(), by=by))
        return Response({"events": events})
