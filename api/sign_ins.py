"""Sign-ins. Each has one chain of refresh tokens, of which only the newest is valid (docs/adr/0046-sign-ins.md).

A sign-in is stored when its first refresh token is used, or when it ends:
`{_id, user_id, number, rotated_at: [seconds, ...], ended_at, expires_at}`. The tokens themselves are computed, not
stored: the refresh token with a given number is always the same.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from api.accounts import ACCOUNTS
from api.known_users import known_users
from api.models import SignIn
from api.tokens import LEEWAY, REFRESH_LIFETIME, Claims, now_in_seconds
from config import clock
from mongodb.collections import Document, collection
from mongodb.transactions import run_in_transaction

logger = logging.getLogger(__name__)

SIGN_INS = SignIn._meta.db_table
# If a token is used again within this time, the client gets the same new tokens, because a response may be lost, or two
# tabs may share the token.
REPEATABLE = timedelta(seconds=30)
# The number of rotations whose times are kept, for a client that rotates several times within REPEATABLE.
ROTATIONS_KEPT = 10
# After a sign-in has ended, its access tokens expire within minutes, so only the latest sign-outs of a user matter.
SIGN_OUTS_KEPT = 50


class NotRefreshable(Exception):
    """The refresh token was first used longer than REPEATABLE ago, or its sign-in has ended."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """The use of a refresh token: the number of the next token, and the time of use in Unix seconds."""

    number: int
    at: int


def new_sign_in() -> str:
    """Return a random id for a new sign-in."""
    return uuid4().hex


def rotate(used: Claims) -> Rotation:
    """Use a refresh token, and return the rotation. Raises NotRefreshable.

    If the token was first used less than REPEATABLE ago, return the same rotation again. If it was first used longer
    ago, two clients have it, and one may have stolen it. So the sign-in is ended.
    """
    stored = _find(used.sign_in)
    number = _newest(stored) if used.is_legacy else used.number
    if stored is None or stored["number"] <= number:
        stored = _advance(used, number)
    if stored is None or stored["ended_at"] is not None:
        raise NotRefreshable
    rotation = _rotation(stored, number)
    if rotation is None:
        logger.warning("a refresh token was used again user=%s sign_in=%s", used.user_id, used.sign_in)
        end(used.user_id, used.sign_in)
        raise NotRefreshable
    return rotation


def end(user_id: str, sign_in: str) -> None:
    """End the sign-in with all its tokens."""
    run_in_transaction(partial(_end, ObjectId(user_id), sign_in, clock.now()))
    known_users.forget(user_id)


def _find(sign_in: str) -> Document | None:
    found: Document | None = collection(SIGN_INS).find_one({"_id": sign_in})
    return found


def _newest(stored: Document | None) -> int:
    """Return the number for a legacy token: the number of the newest token.

    A legacy token has no number, and may be used many times. Shortly after a rotation, return the number that was used
    then, so that the client gets the same tokens again.
    """
    if stored is None:
        return 0
    is_fresh = stored["rotated_at"] and now_in_seconds() - stored["rotated_at"][-1] <= REPEATABLE.total_seconds()
    return int(stored["number"]) - (1 if is_fresh else 0)


def _advance(used: Claims, number: int) -> Document | None:
    """Store that the token with this number is used now, and return the sign-in.

    If the token was used before, or the sign-in has ended, return the sign-in as it is stored.
    """
    now = now_in_seconds()
    condition = {"_id": used.sign_in, "ended_at": None, "number": {"$lte": number}}
    change = {
        "$set": {"user_id": ObjectId(used.user_id), "number": number + 1, "expires_at": _expiry()},
        "$push": {"rotated_at": {"$each": [now], "$slice": -ROTATIONS_KEPT}},
    }
    try:
        advanced: Document = collection(SIGN_INS).find_one_and_update(
            condition, change, upsert=True, return_document=ReturnDocument.AFTER
        )
    except DuplicateKeyError:  # another request was faster
        return _find(used.sign_in)
    return advanced


def _rotation(stored: Document, number: int) -> Rotation | None:
    """Return the rotation that used the token with this number, or None if that was too long ago."""
    steps = stored["number"] - number
    if steps > len(stored["rotated_at"]):
        return None
    at = stored["rotated_at"][-steps]
    return Rotation(number + 1, at) if now_in_seconds() - at <= REPEATABLE.total_seconds() else None


def _end(user_id: ObjectId, sign_in: str, now: datetime) -> None:
    ended = {"user_id": user_id, "ended_at": now, "expires_at": _expiry()}
    first = {"number": 0, "rotated_at": []}
    collection(SIGN_INS).update_one({"_id": sign_in}, {"$set": ended, "$setOnInsert": first}, upsert=True)
    signed_out = {"signed_out": {"$each": [sign_in], "$slice": -SIGN_OUTS_KEPT}}
    collection(ACCOUNTS).update_one({"_id": user_id}, {"$push": signed_out, "$setOnInsert": {"epoch": 0}}, upsert=True)


def _expiry() -> datetime:
    """Return the time by which all tokens of a sign-in that changes now will have expired."""
    return clock.now() + REFRESH_LIFETIME + LEEWAY
