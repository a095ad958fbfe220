"""The use cases that deactivate and reactivate a user."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.contrib.auth.models import User

from api.accounts import set_active
from api.audit import Author, record_change
from api.models import ServerKey
from api.server_keys import revoke
from mongodb.deadlines import seconds_left
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session, SessionStatus
from showgoals.session_end import end_session

# A session with as many goals as it can have ends within this time, even if a round-trip to MongoDB takes 5 ms.
SESSION_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class Deactivated:
    """What a deactivation has done.

    `was_active` says whether the user was active. If sessions were to end, `sessions_left` is the number of the user's
    sessions that are still live.
    """

    was_active: bool
    sessions_left: int


def deactivate(
    user: User, *, sessions: Sequence[Session], keys: Sequence[ServerKey], by: Author, reason: str, now: datetime
) -> Deactivated:
    """Deactivate the user, then revoke these keys and end these live sessions of the user.

    The user is deactivated first, and so can't open another session or make another key. Each session ends in a
    transaction of its own. After the first session, none is begun that might not end before the request's deadline. A
    session that was opened just before the deactivation is left too, if it is not among `sessions`. The caller can call
    this function again, with the sessions that are left. Idempotent.
    """
    was_active = run_in_transaction(partial(set_active, user, to=False, by=by, reason=reason))
    if keys:
        run_in_transaction(partial(_revoke_keys, user, keys, by=by, reason=reason))
    for ended, session in enumerate(sessions):
        if ended and seconds_left() < SESSION_SECONDS:
            break
        end = partial(end_session, str(session.pk), cancel_shows=True, now=now, by=by, reason=reason)
        run_in_transaction(end)
    live = Session.objects.filter(user_id=user.pk, status=SessionStatus.LIVE)
    return Deactivated(was_active, live.count() if sessions else 0)


def _revoke_keys(user: User, keys: Sequence[ServerKey], *, by: Author, reason: str) -> None:
    for key in revoke(keys):
        record_change("revoke", key, by=by, reason=reason, about=[str(user.pk)])


def reactivate(user: User, *, by: Author, reason: str) -> bool:
    """Let the user sign in again. Return whether the user was inactive. Idempotent."""
    return run_in_transaction(partial(set_active, user, to=True, by=by, reason=reason))
