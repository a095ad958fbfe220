"""What ends a user's tokens: a new password, signing out everywhere, or deactivation (docs/adr/0046-sign-ins.md).

Each account has an epoch, 0 at first, and each token carries the epoch in which it was issued. Raising the epoch ends
all earlier tokens, in every process within a second (`known_users.py`).
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from bson import ObjectId
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models.signals import pre_save
from django.dispatch import receiver

from api.audit import Author, record_change
from api.known_users import USERS, known_users
from api.models import Account
from config import clock
from mongodb.collections import collection, connection
from mongodb.transactions import in_transaction, run_in_transaction

ACCOUNTS = Account._meta.db_table


def sign_out_everywhere(user: User) -> None:
    """End all tokens of the user, and the user's sessions in the admin."""
    _raise_epoch(user.pk)
    known_users.forget(str(user.pk))
    if user.is_staff:
        _end_sessions(str(user.pk))


def set_active(user: User, *, to: bool, by: Author, reason: str = "") -> bool:
    """Deactivate or reactivate the account. Deactivating ends all its tokens and sessions for good.

    Return whether anything has changed. The function is idempotent, and runs in the caller's transaction.
    """
    changed = collection(USERS).update_one({"_id": user.pk, "is_active": not to}, {"$set": {"is_active": to}})
    if not changed.modified_count:
        return False
    if not to:
        sign_out_everywhere(user)
    connection.on_commit(partial(known_users.forget, str(user.pk)))
    before, after = {"is_active": not to}, {"is_active": to}
    action = "reactivate" if to else "deactivate"
    record_change(action, user, by=by, before=before, after=after, about=[str(user.pk)], reason=reason)
    return True


@receiver(pre_save, sender=User)
def end_tokens_with_password(instance: User, update_fields: Collection[str] | None, **_kwargs: Any) -> None:
    """End all tokens of a user whose password is being changed, wherever that happens.

    All ways to set a password end in `User.save`: the admin's forms, `manage.py changepassword`, and our own code. The
    password and the epoch are written here, in one transaction. `save` then writes the same password again.
    """
    is_new = instance._state.adding  # noqa: SLF001 - Django's documented API
    if is_new or (update_fields is not None and "password" not in update_fields):
        return
    user_id, password = instance.pk, instance.password
    _in_one_transaction(lambda: _change_password(user_id, password))
    known_users.forget(str(user_id))


def _change_password(user_id: ObjectId, password: str) -> None:
    """Write the password and raise the epoch, unless the user already has this password."""
    another = {"_id": user_id, "password": {"$ne": password}}
    if collection(USERS).update_one(another, {"$set": {"password": password}}).modified_count:
        _raise_epoch(user_id)


def _raise_epoch(user_id: ObjectId) -> None:
    collection(ACCOUNTS).update_one({"_id": user_id}, {"$inc": {"epoch": 1}}, upsert=True)


def _end_sessions(user_id: str) -> None:
    """End the user's sessions in the admin. Only staff have sessions, so there are few to read."""
    for session in Session.objects.filter(expire_date__gt=clock.now()):
        if session.get_decoded().get(SESSION_KEY) == user_id:
            session.delete()


def _in_one_transaction(write: Callable[[], None]) -> None:
    """Run the writes in the open transaction, or in a new one if there is none."""
    if in_transaction():
        write()
    else:
        run_in_transaction(write)
