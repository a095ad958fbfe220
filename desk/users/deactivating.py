"""The use cases that deactivate and reactivate a user."""

from datetime import datetime
from functools import partial

from django.contrib.auth.models import User

from api.accounts import set_active
from api.audit import Author, record_change
from api.server_keys import revoke
from desk.users.hanging import hanging_on, keys_made_by
from mongodb.transactions import run_in_transaction
from showgoals.session_end import end_session


def deactivate(user: User, *, end_sessions: bool, revoke_keys: bool, by: Author, reason: str, now: datetime) -> bool:
    """Deactivate the user, then revoke keys and end live sessions if asked. Return whether the user was active.

    The user is deactivated first, and so can't open another session or make another key. Each session ends in a
    transaction of its own. If a transaction fails, the caller can call this function again. Idempotent.
    """
    was_active = run_in_transaction(partial(set_active, user, to=False, by=by, reason=reason))
    if revoke_keys:
        run_in_transaction(partial(_revoke_keys, user, by=by, reason=reason))
    if end_sessions:
        for session in hanging_on(user, now=now).sessions:
            end = partial(end_session, str(session.pk), cancel_shows=True, now=now, by=by, reason=reason)
            run_in_transaction(end)
    return was_active


def _revoke_keys(user: User, *, by: Author, reason: str) -> None:
    for key in revoke(keys_made_by(user)):
        record_change("revoke", key, by=by, reason=reason, about=[str(user.pk)])


def reactivate(user: User, *, by: Author, reason: str) -> bool:
    """Let the user sign in again. Return whether the user was inactive. Idempotent."""
    return run_in_transaction(partial(set_active, user, to=True, by=by, reason=reason))
