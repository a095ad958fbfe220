"""Tokens of earlier releases, which are signed with SECRET_KEY itself, and have neither an epoch nor a sign-in."""

import time
from uuid import uuid4

import jwt
from django.conf import settings
from django.contrib.auth.models import User

LASTS_SECONDS = {"access": 1800, "refresh": 14 * 86400}


def legacy_token(user: User, kind: str = "access") -> str:
    """Return a token of this kind, in the form in which Simple JWT made it."""
    now = int(time.time())
    claims = {"token_type": kind, "exp": now + LASTS_SECONDS[kind], "iat": now, "jti": uuid4().hex, "aud": "api"}
    return jwt.encode({**claims, "user_id": str(user.pk)}, settings.SECRET_KEY, algorithm="HS256")
