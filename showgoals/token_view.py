"""The session token view: the preset, which says what a user may see of a session now, and the credentials for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import SIGNED_IN, caller_id
from api.fields import id_or_404
from api.views import ApiView
from config import clock
from config.errors import raises
from mongodb.collections import collection
from sessions_app.credentials import Credentials, preview_credentials, publish_credentials, sd_credentials
from sessions_app.errors import SessionEnded, SessionNotFound
from sessions_app.models import SessionStatus
from showgoals.access_windows import ShowWindow, windows
from showgoals.credential_fetches import note_fetch
from showgoals.payments import is_payer


class SessionTokenView(ApiView):
    """`GET /sessions/{id}/token`."""

    access = {"get": (SIGNED_IN,)}

    @raises(SessionNotFound, SessionEnded)
    def get(self, request: Request, session_id: str) -> Response:
        """What may I see?

        The owner of the session gets `publish`. A viewer who has paid for the show that is live gets `sd`.
        Everyone else gets `preview`: a short-lived `token`, and null in `byteplus_token`, `byteplus_rtc_info`, `nbf`
        and `exp`.
        """
        session = _head(id_or_404(session_id))
        credentials = session_token(session, caller_id(request), now=clock.now())
        return Response(credentials, headers={"Cache-Control": "private, no-store"})


@dataclass(frozen=True, slots=True)
class SessionHead:
    """The fields of a session that a token depends on. Each request reads them before it uses a cache."""

    session_id: str
    streamer_id: str
    version: int


def session_token(session: SessionHead, user_id: str, *, now: datetime) -> Credentials:
    """Return `{preset, token, byteplus_token, byteplus_rtc_info, nbf, exp}` for the user."""
    seconds = int(now.timestamp())
    if user_id == session.streamer_id:
        return publish_credentials(session.session_id, user_id, now=seconds)
    show = _paid_window(session, user_id, now=now)
    if show is None:
        return preview_credentials(session.session_id, session.streamer_id, user_id, now=seconds)
    credentials = sd_credentials(show.paid, user_id, now=seconds)
    note_fetch(show.paid.goal_id, user_id, now=now)
    return {"preset": "sd", **credentials, "nbf": show.paid.nbf, "exp": show.paid.exp}


def _head(session_id: str) -> SessionHead:
    fields = {"user": True, "status": True, "cache_version": True}
    session: dict[str, Any] | None = collection("sessions").find_one({"_id": ObjectId(session_id)}, fields)
    if session is None:
        raise SessionNotFound(session_id=session_id)
    if session["status"] != SessionStatus.LIVE:
        raise SessionEnded(session_id=session_id)
    return SessionHead(session_id, str(session["user"]), session["cache_version"])


def _paid_window(session: SessionHead, user_id: str, *, now: datetime) -> ShowWindow | None:
    """Return the open window that the user has paid for, or None. Overlapping shows may have different payers."""
    for show in windows.of(session.session_id, session.version):
        if show.is_open(now) and is_payer(user_id, show.funding_goal_id, version=session.version):
            return show
    return None
