"""Authentication by our own JWTs in `Authorization: Bearer`, and by nothing else."""

from datetime import timedelta
from typing import Any, TypeVar

from bson import ObjectId
from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, Token

from api.known_users import known_users

Kind = TypeVar("Kind", bound=Token)

CHALLENGE = 'Bearer realm="api"'
# What the libraries raise for odd tokens besides their own errors. A header nested thousands deep ends json.loads in
# RecursionError; a signed claim that is no date (10**30, NaN, "x", null) ends the arithmetic with dates in the others.
_ODD = (ValueError, TypeError, OverflowError, OSError, RecursionError)


class BearerAuthentication(BaseAuthentication):
    """Authenticates by access token. Any fault of the token is answered with 401 `not_authenticated`."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        """Return the user and the token, or None without a header. Needs one query, by the user's `_id`."""
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _space, raw_token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated
        token = verified(AccessToken, raw_token.strip())
        return active_user(token), token

    def authenticate_header(self, request: Request) -> str:
        """Return `WWW-Authenticate`; with it DRF answers 401, not 403."""
        del request
        return CHALLENGE


def issue_access(user: User, lifetime: timedelta | None = None) -> str:
    """Return an access token for the user, good for `lifetime` (else as the settings say)."""
    token = AccessToken.for_user(user)
    if lifetime is not None:
        token.set_exp(lifetime=lifetime)
    return str(token)


def verified(kind: type[Kind], raw_token: str) -> Kind:
    """Return the token if signature, audience, expiry and kind are right. Raises NotAuthenticated."""
    try:
        return kind(raw_token)  # type: ignore[arg-type]  # the stubless annotation says Token, the code wants str
    except (TokenError, *_ODD) as error:
        raise NotAuthenticated from error


def active_user(token: Token) -> User:
    """Return the token's user. Raises NotAuthenticated if the user is gone or inactive, or the id is malformed."""
    user_id: Any = token.get(api_settings.USER_ID_CLAIM)
    if not isinstance(user_id, str) or not ObjectId.is_valid(user_id):
        raise NotAuthenticated
    user = known_users.get(user_id)
    if user is None:
        raise NotAuthenticated
    return user
