"""The goals API: creates and reads goals, takes contributions, shows timelines, and ends sessions."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from bson import ObjectId
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import OWNER, SIGNED_IN, STAFF, Role, caller_id
from api.audit import author
from api.etags import answer_unless_known
from api.fields import id_or_404
from api.idempotency import require_key, respond_once
from api.pagination import CursorPages
from api.views import ApiView
from config import clock
from config.errors import raises
from goals.models import Goal, TimelineRow
from goals.permissions import NAMES_SESSION, permitted_goal, permitted_goals
from mongodb.transactions import run_in_transaction
from sessions_app.permissions import permitted_session
from sessions_app.serializers import SessionSerializer
from showgoals.change_views import STAFF_WHO_CANCEL, STAFF_WHO_CHANGE, GoalChanges, goal_etag
from showgoals.contributions import contribute, queue_fold
from showgoals.errors import UnknownGoalType
from showgoals.filters import GoalFilters, GoalsInOrder, TimelineFilters
from showgoals.models import Contribution
from showgoals.serializers import (
    ContributionBody,
    ContributionSerializer,
    EndSessionBody,
    GoalSerializer,
    ShowFundingGoalBody,
    ShowGoalBody,
    TimelineSerializer,
    refuse_past_exp,
)
from showgoals.session_end import end_session
from showgoals.tasks import ShowRequest, create_show_funding_goal, create_show_goal

STREAMER = Role("streamer")


class InOrder(CursorPages):
    """Pages of a timeline, with the oldest row first, or the latest row first if `order=-seq`."""

    is_position = staticmethod(re.compile(r"[0-9]{1,18}").fullmatch)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str]:
        """Return the order that the query asks for."""
        del queryset, view
        return ("-seq",) if request.query_params.get("order") == "-seq" else ("seq",)


class GoalViewSet(GoalChanges):
    """Goals: the caller's own, or those of a session that the query names."""

    access = {
        "create_new_goal": (STREAMER,),
        "list": (OWNER, NAMES_SESSION),
        "retrieve": (OWNER, NAMES_SESSION),
        "partial_update": (OWNER,),
        "cancel": (OWNER,),
        "close": (OWNER,),
        "start": (OWNER,),
        "end": (OWNER, STAFF_WHO_CANCEL),
        "extend": (OWNER, STAFF_WHO_CHANGE),
        "contributions": (SIGNED_IN,),
    }
    filterset_class = GoalFilters
    pagination_class = GoalsInOrder
    queryset = Goal.objects.none()  # only names the model; `permitted_goals` finds the goals

    @raises(respond_once, UnknownGoalType, create_show_goal, create_show_funding_goal)
    def create_new_goal(self, request: Request) -> Response:
        """Create a show, or open a funding goal.

        `type` says which of the two bodies is meant.

        `show` creates the paid show of a closed funding goal. The show starts by itself at `nbf`. An `nbf` in the past
        means now. The `target` of the show's only level is the length in seconds.

        `show-funding` opens a goal that takes contributions until `exp`, or without a time limit.

        Flow: POST /goals -> create_new_goal
        """
        match request.query_params.get("type"):
            case "show":
                return self._create_show_goal(request)
            case "show-funding":
                return self._create_show_funding_goal(request)
            case _:
                raise UnknownGoalType

    def list(self, request: Request) -> Response:
        """List goals.

        Lists the caller's goals, newest first. With `session_id`, lists the goals of that session. If `order` is `nbf`
        or `-nbf`, goals without an `nbf`, such as funding goals, count as the earliest.
        """
        page = self.page_of(permitted_goals(self, session_id=request.query_params.get("session_id")))
        return self.get_paginated_response(GoalSerializer(page, many=True).data)

    @raises(permitted_goal)
    def retrieve(self, request: Request, goal_id: str) -> Response:
        """Get a goal.

        Returns a goal of the caller. With `session_id`, returns a goal of that session. With `If-None-Match`, the
        answer is 304 if version, progress and status are unchanged.
        """
        goal = permitted_goal(self, goal_id, session_id=request.query_params.get("session_id"))
        return answer_unless_known(request, goal_etag(goal), lambda: GoalSerializer(goal).data)

    @raises(require_key, respond_once, contribute)
    def contributions(self, request: Request, goal_id: str) -> Response:
        """Pay for a funding goal.

        The goal must be open and have no show. The payment is added to its `progress` within two seconds.
        """
        require_key(request)
        goal_id = id_or_404(goal_id)
        body = ContributionBody(data=request.data)
        body.is_valid(raise_exception=True)

        def effect() -> Iterator[dict[str, Any]]:
            contribution = Contribution(
                pk=str(ObjectId()),
                funding_goal_id=goal_id,
                viewer_id=caller_id(request),
                amount=body.validated_data["amount"],
                key=request.headers["Idempotency-Key"],
                created_at=clock.now(),
            )
            yield dict(ContributionSerializer(contribution).data)
            contribute(contribution)

        response = respond_once(request, effect, location="/me/contributions")
        queue_fold(goal_id, now=clock.now())
        return response

    def _create_show_goal(self, request: Request) -> Response:
        body = ShowGoalBody(data=request.data)
        body.is_valid(raise_exception=True)
        (level,) = body.validated_data["levels"]
        show = ShowRequest(
            user_id=caller_id(request),
            title=level["title"],
            target_seconds=level["target"],
            nbf=body.validated_data["nbf"],
            **body.validated_data["context"],
        )
        return respond_once(request, lambda: GoalSerializer(create_show_goal(show, now=clock.now())).data)

    def _create_show_funding_goal(self, request: Request) -> Response:
        body = ShowFundingGoalBody(data=request.data)
        body.is_valid(raise_exception=True)
        context = dict(body.validated_data["context"])
        session_id = context.pop("session_id")

        def effect() -> Any:
            now = clock.now()
            refuse_past_exp(body.validated_data["exp"], now=now)
            goal = create_show_funding_goal(
                user_id=caller_id(request),
                session_id=session_id,
                levels=body.validated_data["levels"],
                exp=body.validated_data["exp"],
                context=context,
                now=now,
            )
            return GoalSerializer(goal).data

        return respond_once(request, effect)


class TimelineView(ApiView):
    """`GET /goals/{id}/timeline`."""

    access = {"get": (OWNER, STAFF)}
    pagination_class = InOrder
    filterset_class = TimelineFilters
    queryset = TimelineRow.objects.none()

    @raises(permitted_goal)
    def get(self, request: Request, goal_id: str) -> Response:
        """What happened to a goal.

        Lists signals, receivers, tasks, deliveries and the recording in order. With `order=-seq`, the latest row comes
        first.
        """
        goal = permitted_goal(self, goal_id)
        page = self.page_of(TimelineRow.objects.filter(goal_id=str(goal.pk)))
        return self.get_paginated_response(TimelineSerializer(page, many=True).data)


class SessionEndView(ApiView):
    """`POST /sessions/{id}/end`."""

    access = {"post": (OWNER,)}

    @raises(permitted_session, end_session)
    def post(self, request: Request, session_id: str) -> Response:
        """End a session.

        The session's live show ends and its funding goals close. Shows that have not started are cancelled if
        `cancel_shows` is true. Idempotent.
        """
        body = EndSessionBody(data=request.data)
        body.is_valid(raise_exception=True)
        session = permitted_session(self, session_id)
        cancel_shows, by = body.validated_data["cancel_shows"], author(request.user, owner_id=str(session.user_id))
        end = partial(end_session, str(session.pk), cancel_shows=cancel_shows, by=by)
        ended = run_in_transaction(lambda: end(now=clock.now()))
        return Response(SessionSerializer(ended).data)
