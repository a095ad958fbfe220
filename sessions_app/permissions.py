"""Which sessions the caller of a view may see or change."""

from django.db.models import QuerySet

from api.access import OWNER, SIGNED_IN, caller_id, roles_of_call
from api.fields import id_or_404
from api.views import ApiView
from config.errors import raises
from mongodb.documents import fetch
from sessions_app.errors import SessionNotFound
from sessions_app.models import Session


@raises(SessionNotFound)
def permitted_session(view: ApiView, session_id: str) -> Session:
    """Return the session. Raise SessionNotFound if it does not exist, or if the caller may not see it."""
    found = fetch(permitted_sessions(view).filter(pk=id_or_404(session_id)))
    if not found:
        raise SessionNotFound(session_id=session_id)
    return found[0]


def permitted_sessions(view: ApiView) -> QuerySet[Session]:
    """Return the sessions that the caller may see.

    If all signed-in users may make the call, return all sessions. If only owners may, return the caller's own
    sessions. Otherwise, return none.
    """
    roles = roles_of_call(view)
    if SIGNED_IN in roles:
        return Session.objects.all()
    if OWNER in roles:
        return Session.objects.filter(user_id=caller_id(view.request))
    return Session.objects.none()
