"""Authentication by `Authorization: Bearer`, with our own JWTs or with keys for servers."""

from datetime import timedelta

from bson import ObjectId
from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from api.known_users import known_users
from api.server_keys import Server, is_key, known_keys
from api.tokens import ACCESS_LIFETIME, Claims, InvalidToken, Kind, issue, now_in_seconds, read

CHALLENGE = 'Bearer realm="api"'


class BearerAuthentication(BaseAuthentication):
    """Authenticates by access token or by key. An invalid token or key gets 401 `not_authenticated`."""

    def authenticate(self, request: Request) -> tuple[User | Server, Claims | Server] | None:
        """Return the caller and the token's claims, or None if the header is missing. Raises NotAuthenticated.

        For a key, both values are the server.
        """
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _space, raw_token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated
        if is_key(raw_token.strip()):
            server = holder_of(raw_token.strip())
            return server, server
        claims = verified(Kind.ACCESS, raw_token.strip())
        return active_user(claims), claims

    def authenticate_header(self, request: Request) -> str:
        """Return the value of `WWW-Authenticate`. Because this value exists, DRF responds with 401 instead of 403."""
        del request
        return CHALLENGE


def issue_access(user: User, lifetime: timedelta = ACCESS_LIFETIME, *, epoch: int = 0) -> str:
    """Return an access token that belongs to no sign-in."""
    return issue(Kind.ACCESS, Claims(str(user.pk), epoch), at=now_in_seconds(), lifetime=lifetime)


def verified(kind: Kind, raw_token: str) -> Claims:
    """Return the token's claims if its signature, audience, expiry and kind are right. Raises NotAuthenticated."""
    try:
        return read(kind, raw_token)
    except InvalidToken as error:
        raise NotAuthenticated from error


def holder_of(key: str) -> Server:
    """Return the server that has the key. Raises NotAuthenticated if the key is unknown or was revoked."""
    server = known_keys.get(key)
    if server is None:
        raise NotAuthenticated
    return server


def active_user(claims: Claims) -> User:
    """Return the token's user. Raises NotAuthenticated if the user is gone or inactive, or the token was ended."""
    user = known_users.holder(claims) if ObjectId.is_valid(claims.user_id) else None
    if user is None:
        raise NotAuthenticated
    return user
