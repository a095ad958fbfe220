"""The goals API: creates, reads and changes goals, takes contributions, shows timelines, and ends sessions."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import OWNER, SIGNED_IN, STAFF, Role, caller, caller_id
from api.etags import answer_unless_known, check_if_match, etag
from api.fields import id_or_404
from api.idempotency import require_key, respond_once
from api.pagination import CursorPages
from api.serializers import NoFields
from api.views import ApiView, ApiViewSet
from config.errors import raises
from goals.models import Goal, TimelineRow
from goals.permissions import NAMES_SESSION, permitted_goal, permitted_goals
from mongodb.transactions import run_in_transaction
from sessions_app.permissions import permitted_session
from sessions_app.serializers import SessionSerializer
from showgoals.changes import begin_show, cancel_show_goal, move_show_goal
from showgoals.closing import close_funding_goal, move_funding_end
from showgoals.contributions import contribute, queue_fold
from showgoals.errors import UnknownGoalType
from showgoals.filters import GoalFilters, GoalsInOrder, TimelineFilters
from showgoals.live_shows import end_show, extend_show
from showgoals.models import ShowFundingGoal
from showgoals.serializers import (
    BegunShowSerializer,
    CancelShowBody,
    ContributionBody,
    ContributionSerializer,
    EndSessionBody,
    ExtendShowBody,
    FundingChangeBody,
    GoalSerializer,
    MoveShowBody,
    ShowFundingGoalBody,
    ShowGoalBody,
    TimelineSerializer,
    refuse_past_exp,
)
from showgoals.session_end import end_session
from showgoals.tasks import ShowRequest, create_show_funding_goal, create_show_goal

STREAMER = Role("streamer")
STAFF_WHO_CHANGE = Role("staff with *change goal*", permission="goals.change_goal")


class InOrder(CursorPages):
    """Pages of a timeline, oldest row first, or with `order=-seq` latest first."""

    is_position = staticmethod(re.compile(r"[0-9]{1,18}").fullmatch)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str]:
        """Return the order that the query asks for."""
        del queryset, view
        return ("-seq",) if request.query_params.get("order") == "-seq" else ("seq",)


class GoalViewSet(ApiViewSet):
    """Goals: the caller's own, or those of a session that the query names."""

    access = {
        "create_new_goal": (STREAMER,),
        "list": (OWNER, NAMES_SESSION),
        "retrieve": (OWNER, NAMES_SESSION),
        "partial_update": (OWNER,),
        "cancel": (OWNER,),
        "close": (OWNER,),
        "start": (OWNER,),
        "end": (OWNER, STAFF_WHO_CHANGE),
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

        `show`: the paid show of a funding goal that has closed. It starts by itself at `nbf`; an `nbf` in the
        past means now. The `target` of its one level is its length in seconds.

        `show-funding`: a goal that takes contributions of viewers until `exp`, or without end.

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

        The caller's goals, newest first; with `session_id`, the goals of that session. Where `order` is `nbf` or
        `-nbf`, goals without an `nbf`, such as funding goals, count as the earliest.
        """
        page = self.page_of(permitted_goals(self, session_id=request.query_params.get("session_id")))
        return self.get_paginated_response(GoalSerializer(page, many=True).data)

    @raises(permitted_goal)
    def retrieve(self, request: Request, goal_id: str) -> Response:
        """Get a goal.

        A goal of the caller, or with `session_id` a goal of that session. With `If-None-Match` the answer is 304
        while version, progress and status are the same.
        """
        goal = permitted_goal(self, goal_id, session_id=request.query_params.get("session_id"))
        return answer_unless_known(request, goal_etag(goal), lambda: GoalSerializer(goal).data)

    @raises(permitted_goal, check_if_match, move_show_goal, move_funding_end)
    def partial_update(self, request: Request, goal_id: str) -> Response:
        """Change a goal.

        Of a show that has not started: a new `nbf`, a new level, or both. A new `nbf` brings a cancelled show back.
        Of an open funding goal: a new `exp`, in the future, or null to keep it open until it is closed.

        With `If-Match` nothing is written unless the goal is still as the caller has read it. What changes nothing
        sends no events.
        """
        goal = permitted_goal(self, goal_id)
        if isinstance(goal, ShowFundingGoal):
            return self._move_funding_end(request, goal)
        body = MoveShowBody(data=request.data)
        body.is_valid(raise_exception=True)
        (level,) = body.validated_data.get("levels") or [None]
        nbf = body.validated_data.get("nbf")
        return self._change(goal, partial(move_show_goal, nbf=nbf, level=level, by=_author(request, goal)))

    @raises(permitted_goal, check_if_match, cancel_show_goal)
    def cancel(self, request: Request, goal_id: str) -> Response:
        """Cancel a show.

        The show must not have started. `reason` is put on the timeline. Idempotent: a second call sends no events.
        """
        body = CancelShowBody(data=request.data)
        body.is_valid(raise_exception=True)
        goal = permitted_goal(self, goal_id)
        note = body.validated_data["reason"]
        return self._change(goal, partial(cancel_show_goal, note=note, by=_author(request, goal)))

    @raises(permitted_goal, check_if_match, close_funding_goal)
    def close(self, request: Request, goal_id: str) -> Response:
        """Close a funding goal.

        It takes no more payments from now on, and its show can be created at once.
        """
        NoFields(data=request.data).is_valid(raise_exception=True)
        return self._change(permitted_goal(self, goal_id), close_funding_goal)

    @raises(permitted_goal, check_if_match, begin_show)
    def start(self, request: Request, goal_id: str) -> Response:
        """I have really begun.

        The length of the show counts from now: `access_exp` moves, and every viewer gets new credentials.
        `overlaps` lists the shows of the session that would now run at the same time. Idempotent: a second call
        moves nothing.
        """
        NoFields(data=request.data).is_valid(raise_exception=True)
        return self._change(permitted_goal(self, goal_id), begin_show, answer=BegunShowSerializer)

    @raises(permitted_goal, check_if_match, end_show)
    def end(self, request: Request, goal_id: str) -> Response:
        """End a live show.

        It ends now: `exp` is the present second, and its recording stops. Credentials that viewers have got stay
        valid until `access_exp`.
        """
        NoFields(data=request.data).is_valid(raise_exception=True)
        goal = permitted_goal(self, goal_id)
        return self._change(goal, partial(end_show, by=_author(request, goal)))

    @raises(permitted_goal, respond_once, check_if_match, extend_show)
    def extend(self, request: Request, goal_id: str) -> Response:
        """Let a live show last longer.

        The target of its level and `access_exp` grow by `seconds`, and every viewer gets new credentials. A show
        lasts two days at most, and the added time must not overlap the session's next show. A second call adds the
        seconds again, so send an `Idempotency-Key` or `If-Match`.
        """
        body = ExtendShowBody(data=request.data)
        body.is_valid(raise_exception=True)
        goal = permitted_goal(self, goal_id)
        seconds = body.validated_data["seconds"]
        return self._change(goal, partial(extend_show, seconds=seconds, by=_author(request, goal)), takes_key=True)

    @raises(require_key, respond_once, contribute)
    def contributions(self, request: Request, goal_id: str) -> Response:
        """Pay for a funding goal.

        The goal must be open and have no show. Its `progress` follows within two seconds.
        """
        require_key(request)
        goal_id = id_or_404(goal_id)
        body = ContributionBody(data=request.data)
        body.is_valid(raise_exception=True)

        def effect() -> dict[str, Any]:
            contribution = contribute(
                funding_goal_id=goal_id,
                viewer_id=caller_id(request),
                amount=body.validated_data["amount"],
                key=request.headers["Idempotency-Key"],
                now=timezone.now(),
            )
            return dict(ContributionSerializer(contribution).data)

        response = respond_once(request, effect, location="/me/contributions")
        queue_fold(goal_id, now=timezone.now())
        return response

    def _move_funding_end(self, request: Request, goal: Goal) -> Response:
        body = FundingChangeBody(data=request.data)
        body.is_valid(raise_exception=True)
        exp: datetime | None = body.validated_data["exp"]

        def move(goal_id: str, *, now: datetime) -> Goal:
            refuse_past_exp(exp, now=now)
            return move_funding_end(goal_id, exp=exp, now=now, by=_author(request, goal))

        return self._change(goal, move)

    def _change(
        self,
        goal: Goal,
        use_case: Callable[..., Goal],
        *,
        answer: type[GoalSerializer] = GoalSerializer,
        takes_key: bool = False,
    ) -> Response:
        """Change the goal, on the condition of `If-Match`; with `takes_key` once for an `Idempotency-Key`."""
        goal_id = str(goal.pk)

        def effect() -> dict[str, Any]:
            if "If-Match" in self.request.headers:
                check_if_match(self.request, goal_etag(Goal.objects.get(pk=goal_id)))
            return dict(answer(use_case(goal_id, now=timezone.now())).data)

        if takes_key:
            response = respond_once(self.request, effect, status=HTTPStatus.OK)
        else:
            response = Response(run_in_transaction(effect))
        response["ETag"] = etag(*(response.data[name] for name in ("version", "progress", "status")))
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
        return respond_once(request, lambda: GoalSerializer(create_show_goal(show, now=timezone.now())).data)

    def _create_show_funding_goal(self, request: Request) -> Response:
        body = ShowFundingGoalBody(data=request.data)
        body.is_valid(raise_exception=True)
        context = dict(body.validated_data["context"])
        session_id = context.pop("session_id")

        def effect() -> Any:
            now = timezone.now()
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

        Signals, receivers, tasks, deliveries and the recording, in order; with `order=-seq` the latest first.
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

        Its live show ends and its funding goals close. Shows that have not started are cancelled if
        `cancel_shows` is true. Idempotent.
        """
        body = EndSessionBody(data=request.data)
        body.is_valid(raise_exception=True)
        session = permitted_session(self, session_id)
        cancel_shows = body.validated_data["cancel_shows"]
        ended = run_in_transaction(lambda: end_session(str(session.pk), cancel_shows=cancel_shows, now=timezone.now()))
        return Response(SessionSerializer(ended).data)


def goal_etag(goal: Goal) -> str:
    """Return the tag of the goal's answer: it changes with the version, the progress and the status."""
    return etag(goal.version, goal.progress, goal.status(timezone.now()).value)


def _author(request: Request, goal: Goal) -> str:
    """Return what the timeline calls the caller: the goal's streamer, or a member of staff."""
    role = "streamer" if caller_id(request) == goal.metadata.user_id else "staff"
    return f"{role} {caller(request).get_username()}"
