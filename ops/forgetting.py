"""Forgets a user on request: the name, the e-mail address and the password are removed, and the id stays.

Payments and settlements name only the id, so they still add up. The name stays in backup files, and in records of what
the user has decided as a member of staff.
"""

from functools import partial

from bson import ObjectId
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from api.accounts import sign_out_everywhere
from api.audit import forget_reasons
from api.sign_ins import SIGN_INS
from config.errors import ProductError
from goals.kinds import GoalKind
from goals.models import Goal
from goals.states import UNENDED
from goals.timeline import ENTRIES
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session, SessionStatus

GOALS = Goal._meta.db_table
GOALS_AT_ONCE = 500


class CanNotForget(ProductError):
    """The user can't be forgotten now. The text says why."""

    code = "can_not_forget"


def forget(user_id: str) -> None:
    """Forget the user. If this function was interrupted, it can be run again.

    Raises CanNotForget for an unknown user, and for a streamer whose session or show is not over.
    """
    user = User.objects.filter(pk=user_id).first() if ObjectId.is_valid(user_id) else None
    if user is None:
        raise CanNotForget(f"There is no user {user_id}.")
    if Session.objects.filter(user=user, status=SessionStatus.LIVE).exists():
        raise CanNotForget("The user has a live session. End it first.")
    if collection(GOALS).find_one({**UNENDED.condition(GoalKind.SHOW), "metadata.user_id": user_id}, {"_id": True}):
        raise CanNotForget("The user has a show that has not ended. End or cancel it first.")
    # The account comes last, because its name is needed to find the timeline entries.
    _rewrite_timelines(user)
    run_in_transaction(partial(_empty_account, user))


def _rewrite_timelines(user: User) -> None:
    """Replace the name in the timeline entries that say what the streamer has changed."""
    owned = collection(GOALS).find({"metadata.user_id": str(user.pk)}, {"_id": True})
    ids = [str(goal["_id"]) for goal in owned]
    former, present = f"streamer {user.username}", f"streamer {_name(user)}"
    change = {"$replaceAll": {"input": "$detail", "find": {"$literal": former}, "replacement": {"$literal": present}}}
    for first in range(0, len(ids), GOALS_AT_ONCE):
        theirs = {"goal_id": {"$in": ids[first : first + GOALS_AT_ONCE]}, "detail": {"$type": "string"}}
        collection(ENTRIES).update_many(theirs, [{"$set": {"detail": change}}])


def _empty_account(user: User) -> None:
    sign_out_everywhere(user)
    user.username, user.first_name, user.last_name, user.email = _name(user), "", "", ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.set_unusable_password()
    user.save()
    user.groups.clear()
    user.user_permissions.clear()
    collection(SIGN_INS).delete_many({"user_id": user.pk})
    forget_reasons(str(user.pk))
    # The admin's log quotes the name of each edited object.
    entries = {"content_type": ContentType.objects.get_for_model(User), "object_id": str(user.pk)}
    LogEntry.objects.filter(**entries).update(object_repr=user.username, change_message="")


def _name(user: User) -> str:
    return f"forgotten-{user.pk}"
