"""The API of sessions and of the livestream feed."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from api.access import SIGNED_IN, caller
from api.idempotency import respond_once
from api.views import ApiView, ApiViewSet
from config import clock
from config.errors import raises
from sessions_app.feed import FeedRowSerializer, OneOfEachStreamer, feed_rows
from sessions_app.filters import SessionFilters
from sessions_app.models import Session, SessionStatus
from sessions_app.opening import open_session
from sessions_app.permissions import permitted_session, permitted_sessions
from sessions_app.serializers import SessionBody, SessionSerializer


class SessionViewSet(ApiViewSet):
    """Livestream sessions, open to all signed-in users."""

    access = {"create": (SIGNED_IN,), "list": (SIGNED_IN,), "retrieve": (SIGNED_IN,)}
    filterset_class = SessionFilters
    queryset = Session.objects.none()  # only names the model; `permitted_sessions` finds the sessions

    @raises(respond_once, open_session)
    def create(self, request: Request) -> Response:
        """Go live.

        Opens a livestream session for the caller. A caller may have at most 20 live sessions.
        """
        body = SessionBody(data=request.data)
        body.is_valid(raise_exception=True)

        def effect() -> Any:
            session = open_session(caller(request), title=body.validated_data["title"], now=clock.now())
            return SessionSerializer(session).data

        return respond_once(request, effect)

    def list(self, request: Request) -> Response:
        """List the sessions.

        Returns all sessions, newest first.
        """
        page = self.page_of(permitted_sessions(self))
        return self.get_paginated_response(SessionSerializer(page, many=True).data)

    @raises(permitted_session)
    def retrieve(self, request: Request, session_id: str) -> Response:
        """Get a session.

        The answer includes the session's funding goals, each with its show.
        """
        return Response(SessionSerializer(permitted_session(self, session_id)).data)


class LivestreamFeedView(ApiView):
    """`GET /feeds/livestream`."""

    access = {"get": (SIGNED_IN,)}
    pagination_class = OneOfEachStreamer
    queryset = Session.objects.none()

    def get(self, request: Request) -> Response:
        """List live sessions.

        Returns live sessions, newest first, each with the current state of its newest goal. If a streamer has several
        live sessions, only the newest one is listed.
        """
        live = self.page_of(permitted_sessions(self).filter(status=SessionStatus.LIVE))
        return self.get_paginated_response(FeedRowSerializer(feed_rows(live), many=True).data)
