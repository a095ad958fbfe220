"""The calls that change a goal: PATCH, cancel, close, start, end and extend. Each accepts `If-Match`."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from api.access import Role, caller
from api.audit import Author, author
from api.etags import check_if_match, etag
from api.idempotency import respond_once
from api.serializers import NoFields
from api.views import ApiViewSet
from config import clock
from config.errors import raises
from goals.models import Goal
from goals.permissions import permitted_goal
from mongodb.transactions import run_in_transaction
from showgoals.changes import begin_show, cancel_show_goal, move_show_goal
from showgoals.closing import close_funding_goal, move_funding_end
from showgoals.live_shows import end_show, extend_show
from showgoals.models import ShowFundingGoal
from showgoals.serializers import (
    BegunShowSerializer,
    CancelShowBody,
    ExtendShowBody,
    FundingChangeBody,
    GoalSerializer,
    MoveShowBody,
    refuse_past_exp,
)

STAFF_WHO_CHANGE = Role("staff with *change goal*", permission="goals.change_goal")
STAFF_WHO_CANCEL = Role("staff with *cancel goal*", permission="goals.cancel_goal")


class GoalChanges(ApiViewSet):
    """The actions of the goals' viewset that change one goal."""

    @raises(permitted_goal, check_if_match, move_show_goal, move_funding_end)
    def partial_update(self, request: Request, goal_id: str) -> Response:
        """Change a goal.

        For a show that has not started, send a new `nbf`, a new level, or both. A new `nbf` brings a cancelled show
        back. For an open funding goal, send a new `exp` in the future, or null to keep the goal open until it is
        closed.

        With `If-Match`, nothing is written if the goal has changed since the caller read it. A request that changes
        nothing sends no events.
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
        reason = body.validated_data["reason"]
        return self._change(goal, partial(cancel_show_goal, reason=reason, by=_author(request, goal)))

    @raises(permitted_goal, check_if_match, close_funding_goal)
    def close(self, request: Request, goal_id: str) -> Response:
        """Close a funding goal.

        The goal takes no more payments from now on, and its show can be created at once.
        """
        NoFields(data=request.data).is_valid(raise_exception=True)
        goal = permitted_goal(self, goal_id)
        return self._change(goal, partial(close_funding_goal, by=_author(request, goal)))

    @raises(permitted_goal, check_if_match, begin_show)
    def start(self, request: Request, goal_id: str) -> Response:
        """I have really begun.

        The length of the show counts from now: `access_exp` moves, and every payer gets new credentials.
        `overlaps` lists the shows of the session that would now run at the same time. Idempotent: a second call
        moves nothing.
        """
        NoFields(data=request.data).is_valid(raise_exception=True)
        goal = permitted_goal(self, goal_id)
        return self._change(goal, partial(begin_show, by=_author(request, goal)), answer=BegunShowSerializer)

    @raises(permitted_goal, check_if_match, end_show)
    def end(self, request: Request, goal_id: str) -> Response:
        """End a live show.

        The show ends now: `exp` becomes the present moment, rounded up to a whole second, and the recording stops.
        Credentials that payers already have stay valid until `access_exp`.
        """
        NoFields(data=request.data).is_valid(raise_exception=True)
        goal = permitted_goal(self, goal_id)
        return self._change(goal, partial(end_show, by=_author(request, goal)))

    @raises(permitted_goal, respond_once, check_if_match, extend_show)
    def extend(self, request: Request, goal_id: str) -> Response:
        """Let a live show last longer.

        The target of its level and `access_exp` grow by `seconds`, and every payer gets new credentials. A show
        lasts two days at most, and the added time must not overlap another show of the session. A second call adds the
        seconds again, so send an `Idempotency-Key` or `If-Match`.
        """
        body = ExtendShowBody(data=request.data)
        body.is_valid(raise_exception=True)
        goal = permitted_goal(self, goal_id)
        seconds = body.validated_data["seconds"]
        return self._change(goal, partial(extend_show, seconds=seconds, by=_author(request, goal)), takes_key=True)

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
        """Change the goal through the use case if `If-Match` allows it. Return the changed goal as the response.

        With `takes_key`, requests with the same `Idempotency-Key` change the goal only once.
        """
        goal_id = str(goal.pk)

        def effect() -> dict[str, Any]:
            if "If-Match" in self.request.headers:
                check_if_match(self.request, goal_etag(Goal.objects.get(pk=goal_id)))
            return dict(answer(use_case(goal_id, now=clock.now())).data)

        if takes_key:
            response = respond_once(self.request, effect, status=HTTPStatus.OK)
        else:
            response = Response(run_in_transaction(effect))
        response["ETag"] = etag(*(response.data[name] for name in ("version", "progress", "status")))
        return response


def goal_etag(goal: Goal) -> str:
    """Return the tag of the goal's representation, which changes with the version, the progress and the status.

    clients/js/streamer.js makes the same tag from what it has read and heard, so change both together.
    """
    return etag(goal.version, goal.progress, goal.status(clock.now()).value)


def _author(request: Request, goal: Goal) -> Author:
    return author(caller(request), owner_id=goal.metadata.user_id)
