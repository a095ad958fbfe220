"""Refresh tokens, and Authorization headers that the API must refuse."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
from bson import ObjectId
from django.contrib.auth.models import User

from api.authentication import issue_access
from api.sign_ins import new_sign_in
from api.tokens import REFRESH_LIFETIME, Claims, Kind, issue, now_in_seconds
from config.keys import key_for
from sessions_app.stream_tokens import StreamTokens


def refresh_token(user: User, *, epoch: int = 0) -> str:
    """Return the first refresh token of a new sign-in."""
    claims = Claims(str(user.pk), epoch, new_sign_in())
    return issue(Kind.REFRESH, claims, at=now_in_seconds(), lifetime=REFRESH_LIFETIME)


def _forged(user: User, *, key: str | None = None, algorithm: str = "HS256", **changes: Any) -> str:
    """Return an Authorization header with an access token whose claims, key or algorithm are changed."""
    claims = {"token_type": "access", "exp": int(time.time()) + 300, "jti": "1", "aud": "api", "user_id": str(user.pk)}
    signed_with = key_for(Kind.ACCESS.purpose) if key is None else key
    return f"Bearer {jwt.encode(claims | changes, signed_with, algorithm=algorithm)}"


def _stream(user: User) -> str:
    now, user_id, session_id = int(time.time()), str(user.pk), str(ObjectId())
    tokens = StreamTokens(
        streamer_id=user_id, session_id=session_id, goal_id=None, preset="preview", nbf=now, exp=now + 60
    )
    return f"Bearer {tokens.mint(user_id)}"


REFUSED: dict[str, Callable[[User], str]] = {
    "none": lambda _user: "",
    "garbage": lambda _user: "Bearer garbage",
    "no token": lambda _user: "Bearer ",
    "another scheme": lambda user: f"Token {issue_access(user)}",
    "expired": lambda user: f"Bearer {issue_access(user, timedelta(seconds=-6))}",
    "unsigned": lambda user: _forged(user, key="", algorithm="none"),
    "another key": lambda user: _forged(user, key="x" * 64),
    "another algorithm": lambda user: _forged(user, algorithm="HS512"),
    "another audience": lambda user: _forged(user, aud="stream"),
    "refresh": lambda user: f"Bearer {refresh_token(user)}",
    "stream": _stream,
    "nobody": lambda user: _forged(user, user_id=str(ObjectId())),
}
