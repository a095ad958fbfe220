"""Passwords: how they are hashed, and how the API and the admin check them at sign-in."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    get_hasher,
    get_hashers,
    identify_hasher,
    make_password,
    verify_password,
)
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from pymongo.read_concern import ReadConcern

from api.attempts import begin_attempt
from api.known_users import USERS, WITH_ACCOUNT, KnownUser
from api.password_gate import gate
from mongodb.collections import collection, connection

# Stands for the hash of a user who does not exist. No password matches it. A check against it takes as long as a check
# against the hash of a user.
_NOBODYS = "!"


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with the parameters that OWASP recommends: 19 MiB, two iterations and one thread.

    With Django's parameters, a sign-in takes 100 MiB and eight threads, so a few sign-ins would take all cores.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


class PasswordBackend(ModelBackend):
    """Checks passwords, subject to the limits for sign-ins. Django's `authenticate` and the admin's login use it."""

    @sensitive_variables("password")
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_kwargs: Any
    ) -> User | None:
        """Return the active user with this name and password, or None. Raises Throttled."""
        if username is None or password is None:
            return None
        known = sign_in(request, username, password)
        return None if known is None else known.user()


@sensitive_variables("password")
def sign_in(request: HttpRequest | None, username: str, password: str) -> KnownUser | None:
    """Return the active user with this name and password, or None. Raises Throttled.

    The user and the epoch are read in one snapshot. So a token that is issued for a password ends with that password,
    even if the password is changed at the same time.
    """
    known = _read(username)  # first, so that nothing is counted if MongoDB does not respond
    attempt = begin_attempt(request, username)
    try:
        with gate.turn():
            is_right, is_outdated = _verify(password, _NOBODYS if known is None else known.document["password"])
            if known and is_right and is_outdated:
                known = _upgraded(known, password)
    except Exception:  # an error does not mean that the password is wrong
        attempt.take_back()
        raise
    if known is None or not is_right or not known.document["is_active"]:
        attempt.fail()
        return None
    attempt.succeed()
    return known


def _read(username: str) -> KnownUser | None:
    users = connection.get_collection(USERS, read_concern=ReadConcern("snapshot"))
    found = next(users.aggregate([{"$match": {"username": username}}, WITH_ACCOUNT]), None)
    return None if found is None else KnownUser.of(found)


@sensitive_variables("password")
def _verify(password: str, stored: str) -> tuple[bool, bool]:
    """Return whether the password is right, and whether its hash is outdated.

    A failed check takes the time of all hashers in PASSWORD_HASHERS. Otherwise its duration would tell whether the user
    exists, because users who have not signed in since the change to Argon2 have slower hashes.
    """
    is_right, is_outdated = verify_password(password, stored)
    if not is_right:
        used = _hasher_of(stored)
        for hasher in get_hashers():
            if hasher.algorithm != used:
                hasher.encode(password, hasher.salt())
    return is_right, is_outdated


def _hasher_of(stored: str) -> str:
    """Return the algorithm that Django has used to verify the hash."""
    try:
        return str(identify_hasher(stored).algorithm)
    except ValueError:
        return str(get_hasher().algorithm)


@sensitive_variables("password")
def _upgraded(known: KnownUser, password: str) -> KnownUser:
    """Store a new hash of the password, unless the password was changed meanwhile. Return the user.

    The password stays the same, so no token ends.
    """
    old, new = known.document["password"], make_password(password)
    mine = {"_id": known.document["_id"], "password": old}
    if collection(USERS).update_one(mine, {"$set": {"password": new}}).modified_count:
        return KnownUser({**known.document, "password": new}, known.epoch, known.signed_out)
    return known
