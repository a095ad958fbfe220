"""The session token view: what a person may see of a session now, and the credentials for it."""

import time

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from api.caller import caller_id
from api.fields import id_or_404
from api.views import ApiView
from goals.models import Goal
from sessions_app.credentials import (
    Credentials,
    PaidWindow,
    preview_credentials,
    publish_credentials,
    sd_credentials,
)
from sessions_app.errors import SessionEnded, SessionNotFound
from sessions_app.models import Session, SessionStatus
from showgoals.paid import is_payer, live_show_of


class SessionTokenView(ApiView):
    """`GET /sessions/{id}/token`."""

    def get(self, request: Request, session_id: str) -> Response:
        """Answer `sd` to a payer of the running show, `publish` to the owner, else `preview`."""
        session = Session.objects.filter(pk=id_or_404(session_id)).first()
        if session is None:
            raise SessionNotFound(session_id=session_id)
        if session.status != SessionStatus.LIVE:
            raise SessionEnded(session_id=session_id)
        credentials = session_token(session, caller_id(request))
        return Response(credentials, headers={"Cache-Control": "private, no-store"})


def session_token(session: Session, user_id: str) -> Credentials:
    """Return `{preset, token, byteplus_token, byteplus_rtc_info, nbf, exp}` for the person, as of now."""
    now = int(time.time())
    session_id, streamer_id = str(session.pk), str(session.user_id)
    if user_id == streamer_id:
        return publish_credentials(session_id, streamer_id, now=now)
    show = live_show_of(session, now=timezone.now())
    if show is None or not is_payer(user_id, show):
        return preview_credentials(session_id, streamer_id, user_id, now=now)
    window = paid_window(show)
    return {
        "preset": "sd",
        **sd_credentials(window, user_id, now=now),
        "nbf": window.nbf,
        "exp": window.exp,
    }


def paid_window(show: Goal) -> PaidWindow:
    """Return when and where the show's payers may see it."""
    nbf, exp = show.window
    return PaidWindow(
        goal_id=str(show.pk),
        session_id=show.conditions.session_id,
        streamer_id=show.metadata.user_id,
        nbf=int(nbf.timestamp()),
        exp=int(exp.timestamp()),
    )
