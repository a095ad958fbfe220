"""Access and refresh tokens: JWTs that are not stored (docs/adr/0046-sign-ins.md).

Both name the user, the epoch of the account (`accounts.py`) and the sign-in that they come from (`sign_ins.py`). Each
kind is signed with its own key, so a token of one kind is not valid as the other.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

import jwt

from config import clock
from config.keys import key_for, keys_for, secrets

ACCESS_LIFETIME = timedelta(minutes=30)
REFRESH_LIFETIME = timedelta(days=14)
# The clock of the host that issued a token may be ahead or behind by this much.
LEEWAY = timedelta(seconds=5)
# Legacy tokens, which earlier releases issued, are signed with SECRET_KEY itself and have neither an epoch nor a
# sign-in. This constant, and all code that reads `is_legacy`, can be removed REFRESH_LIFETIME after the last process of
# such a release has stopped.
ACCEPTS_LEGACY_TOKENS = True
_ALGORITHM = "HS256"
_AUDIENCE = "api"
# PyJWT would compare the times with this host's clock, which may be wrong.
_OPTIONS: jwt.types.Options = {"require": ["exp", "jti", "aud"], "verify_exp": False, "verify_iat": False}
# What PyJWT raises for malformed tokens besides its own errors. A header with thousands of nested levels makes
# json.loads raise RecursionError. A signed claim that is not a date (NaN, "x", null) makes the arithmetic with dates
# raise one of the other errors.
_ODD = (ValueError, TypeError, OverflowError, OSError, RecursionError)
_MOST = 2**40  # all times and numbers in our tokens are smaller


class Kind(StrEnum):
    """The purpose of a token, which is its claim `token_type`."""

    ACCESS = "access"
    REFRESH = "refresh"

    @property
    def purpose(self) -> str:
        """The purpose of the key that signs tokens of this kind."""
        return f"{self} tokens of the API"


class InvalidToken(Exception):
    """The token is malformed, expired, of another kind, or not signed by us."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token. `number` counts the refresh tokens of a sign-in; access tokens do not use it."""

    user_id: str
    epoch: int = 0
    sign_in: str = ""
    number: int = 0
    is_legacy: bool = False


def issue(kind: Kind, claims: Claims, *, at: int, lifetime: timedelta) -> str:
    """Return a token. Equal arguments give equal tokens, unless the claims have no sign-in."""
    payload = {
        "token_type": kind,
        "aud": _AUDIENCE,
        "iat": at,
        "exp": at + int(lifetime.total_seconds()),
        "jti": f"{claims.sign_in}.{claims.number}" if claims.sign_in else uuid4().hex,
        "user_id": claims.user_id,
        "epoch": claims.epoch,
        "sid": claims.sign_in,
    }
    if kind is Kind.REFRESH:
        payload["number"] = claims.number
    return jwt.encode(payload, key_for(kind.purpose), algorithm=_ALGORITHM)


def issue_pair(claims: Claims, *, at: int) -> dict[str, str]:
    """Return an access token and a refresh token of a sign-in. Equal arguments give equal tokens."""
    return {
        "access": issue(Kind.ACCESS, claims, at=at, lifetime=ACCESS_LIFETIME),
        "refresh": issue(Kind.REFRESH, claims, at=at, lifetime=REFRESH_LIFETIME),
    }


def now_in_seconds() -> int:
    """Return the current time in whole seconds, for a token that is issued now."""
    return int(clock.timestamp())


def read(kind: Kind, raw_token: str) -> Claims:
    """Return the claims of a valid token. Raises InvalidToken."""
    payload, is_legacy = _payload(kind, raw_token)
    if payload.get("token_type") != kind or not isinstance(payload.get("user_id"), str):
        raise InvalidToken
    _refuse_unless_valid_now(payload)
    return Claims(
        user_id=payload["user_id"],
        epoch=_whole(payload, "epoch", default=0),
        sign_in=_sign_in(payload, is_legacy=is_legacy),
        number=_whole(payload, "number", default=0),
        is_legacy=is_legacy,
    )


def _payload(kind: Kind, raw_token: str) -> tuple[dict[str, Any], bool]:
    """Return the claims of a token with a valid signature and audience, and whether it is a legacy token."""
    keys: list[tuple[bytes | str, bool]] = [(key, False) for key in keys_for(kind.purpose)]
    if ACCEPTS_LEGACY_TOKENS:
        keys += [(secret, True) for secret in secrets()]
    for key, is_legacy in keys:
        try:
            return _decoded(raw_token, key), is_legacy
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, *_ODD) as error:
            raise InvalidToken from error
    raise InvalidToken


def _decoded(raw_token: str, key: bytes | str) -> dict[str, Any]:
    return jwt.decode(raw_token, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, options=_OPTIONS)


def _refuse_unless_valid_now(payload: dict[str, Any]) -> None:
    now, leeway = clock.timestamp(), LEEWAY.total_seconds()
    if _whole(payload, "exp") <= now - leeway or _whole(payload, "iat", default=0) > now + leeway:
        raise InvalidToken


def _sign_in(payload: dict[str, Any], *, is_legacy: bool) -> str:
    """Return the id of the sign-in. A legacy refresh token stands for a sign-in of its own."""
    if is_legacy:
        return str(payload["jti"]) if payload["token_type"] == Kind.REFRESH else ""
    return str(payload.get("sid", ""))


def _whole(payload: dict[str, Any], name: str, default: int | None = None) -> int:
    value = payload.get(name, default)
    if type(value) is not int or not 0 <= value < _MOST:
        raise InvalidToken
    return value
