"""The goals API: create, read, contribute, timeline."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from api.caller import caller, caller_id
from api.fields import id_or_404
from api.idempotency import require_key, respond_once
from api.pagination import NewestFirst
from api.views import ApiView, ApiViewSet
from config.transactions import run_in_transaction
from goals.errors import GoalNotFound
from goals.models import Goal
from goals.timeline import TimelineEntry
from sessions_app.serializers import SessionSerializer
from showgoals.changes import begin_show, cancel_show_goal, move_show_goal
from showgoals.contributions import contribute, queue_fold
from showgoals.errors import UnknownGoalType
from showgoals.filters import filter_goals
from showgoals.serializers import (
    ContributionBody,
    ContributionSerializer,
    EndSessionBody,
    GoalSerializer,
    MoveShowBody,
    ShowFundingGoalBody,
    ShowGoalBody,
    TimelineSerializer,
)
from showgoals.session_end import end_session
from showgoals.tasks import ShowRequest, create_show_funding_goal, create_show_goal


class InOrder(NewestFirst):
    """The rows of a timeline, first things first."""

    ordering = "seq"
    is_position = staticmethod(re.compile(r"[0-9]{1,18}").fullmatch)


class GoalViewSet(ApiViewSet):
    """Goals of the caller; of a session for others."""

    def create_new_goal(self, request: Request) -> Response:
        """Create a goal of the query's `type`.

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
        """List the caller's goals, or with `session_id` the session's."""
        page = self.paginate_queryset(filter_goals(_visible(request), request.query_params, now=timezone.now()))
        return self.get_paginated_response(GoalSerializer(page, many=True).data)

    def retrieve(self, request: Request, goal_id: str) -> Response:
        """Answer one goal of the caller, or with its `session_id` of anyone."""
        return Response(GoalSerializer(_one(_visible(request), goal_id)).data)

    def partial_update(self, request: Request, goal_id: str) -> Response:
        """Move a show of the caller that has not started; a new nbf brings a cancelled one back."""
        body = MoveShowBody(data=request.data)
        body.is_valid(raise_exception=True)
        (level,) = body.validated_data.get("levels") or [None]
        move = partial(move_show_goal, nbf=body.validated_data.get("nbf"), level=level)
        return self._change(request, goal_id, move)

    def cancel(self, request: Request, goal_id: str) -> Response:
        """Cancel a show of the caller that has not started."""
        return self._change(request, goal_id, cancel_show_goal)

    def start(self, request: Request, goal_id: str) -> Response:
        """Note that the caller has really begun the show."""
        return self._change(request, goal_id, begin_show)

    def contributions(self, request: Request, goal_id: str) -> Response:
        """Take the caller's contribution to an open funding goal."""
        require_key(request)
        goal_id = id_or_404(goal_id)
        body = ContributionBody(data=request.data)
        body.is_valid(raise_exception=True)
        now = timezone.now()

        def effect() -> dict[str, Any]:
            contribution = contribute(
                funding_goal_id=goal_id,
                viewer_id=caller_id(request),
                amount=body.validated_data["amount"],
                key=request.headers["Idempotency-Key"],
                now=now,
            )
            return dict(ContributionSerializer(contribution).data)

        response = respond_once(request, effect)
        queue_fold(goal_id, now=timezone.now())
        return response

    def timeline(self, request: Request, goal_id: str) -> Response:
        """Answer the goal's life, for its owner and staff."""
        goals = Goal.objects.all() if caller(request).is_staff else _own(request)
        goal = _one(goals, goal_id)
        self.pagination_class = InOrder
        page = self.paginate_queryset(TimelineEntry.objects.filter(goal_id=str(goal.pk)))
        return self.get_paginated_response(TimelineSerializer(page, many=True).data)

    def _change(self, request: Request, goal_id: str, use_case: Callable[..., Goal]) -> Response:
        goal = _one(_own(request), goal_id)
        changed = run_in_transaction(lambda: use_case(str(goal.pk), now=timezone.now()))
        return Response(GoalSerializer(changed).data)

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
        return respond_once(request, lambda: GoalSerializer(create_show_goal(show, now=timezone.now())).data)

    def _create_show_funding_goal(self, request: Request) -> Response:
        body = ShowFundingGoalBody(data=request.data)
        body.is_valid(raise_exception=True)
        context = dict(body.validated_data["context"])
        session_id = context.pop("session_id")
        return respond_once(
            request,
            lambda: (
                GoalSerializer(
                    create_show_funding_goal(
                        user_id=caller_id(request),
                        session_id=session_id,
                        levels=body.validated_data["levels"],
                        exp=body.validated_data["exp"],
                        context=context,
                        now=timezone.now(),
                    )
                ).data
            ),
        )


class SessionEndView(ApiView):
    """`POST /sessions/{id}/end`."""

    def post(self, request: Request, session_id: str) -> Response:
        """End the caller's session."""
        body = EndSessionBody(data=request.data)
        body.is_valid(raise_exception=True)
        session = run_in_transaction(
            lambda: end_session(
                id_or_404(session_id),
                user_id=caller_id(request),
                cancel_shows=body.validated_data["cancel_shows"],
                now=timezone.now(),
            )
        )
        return Response(SessionSerializer(session).data)


def _own(request: Request) -> QuerySet[Goal]:
    return Goal.objects.filter(metadata__user_id=caller_id(request))


def _visible(request: Request) -> QuerySet[Goal]:
    """Return the caller's goals; whoever names a session sees that session's."""
    if session_id := request.query_params.get("session_id"):
        return Goal.objects.filter(conditions__session_id=session_id)
    return _own(request)


def _one(goals: QuerySet[Goal], goal_id: str) -> Goal:
    goal = goals.filter(pk=id_or_404(goal_id)).first()
    if goal is None:
        raise GoalNotFound(goal_id=goal_id)
    return goal
