"""The use case that deactivates a user, and ends what hangs on the account if that is wanted."""

from datetime import datetime
from functools import partial

from django.contrib.auth.models import User

from api.accounts import set_active
from api.audit import Author
from desk.users.hanging import hanging_on
from mongodb.transactions import run_in_transaction
from showgoals.session_end import end_session


def deactivate(user: User, *, end_sessions: bool, by: Author, reason: str, now: datetime) -> bool:
    """Deactivate the user, then end each live session if `end_sessions` is true. Return whether the user was active.

    The account comes first, so that the streamer opens nothing new. Each session ends in a transaction of its own: if
    one of them fails, the call can be repeated. Idempotent.
    """
    was_active = run_in_transaction(partial(set_active, user, to=False, by=by, reason=reason))
    if end_sessions:
        for session in hanging_on(user, now=now).sessions:
            end = partial(end_session, str(session.pk), cancel_shows=True, now=now, by=by, reason=reason)
            run_in_transaction(end)
    return was_active


def reactivate(user: User, *, by: Author, reason: str) -> bool:
    """Let the user sign in again. Return whether the user was not active. Idempotent."""
    return run_in_transaction(partial(set_active, user, to=True, by=by, reason=reason))
