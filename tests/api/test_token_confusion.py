"""The API refuses tokens that were made for another purpose, and tokens that try to choose how they are verified."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.models import User

from api.authentication import issue_access
from api.tokens import Kind
from config.keys import key_for
from sessions_app.stream_tokens import StreamTokens
from tests.factories.client import ApiClient
from tests.factories.tokens import refresh_token

pytestmark = pytest.mark.django_db
LATE = 2**31 - 1
REFUSED: Any = (401, "not_authenticated", [])


@pytest.fixture(autouse=True)
def _urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def parts(user: User) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return the header, the claims and the signature of a valid access token."""
    token = issue_access(user)
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False}), token.split(".")[2]


def stream_token(user: User) -> str:
    stream = StreamTokens(streamer_id=str(user.pk), session_id="s", goal_id=None, preset="sd", nbf=0, exp=LATE)
    return stream.mint(str(user.pk))


def confused(user: User) -> dict[str, str]:
    """Return tokens that the API must refuse. The keys describe them."""
    header, claims, signature = parts(user)
    stream_key = jwt.encode(claims, settings.STREAM_TOKEN_KEY, headers={"typ": "JWT"})
    unsigned = f"{part({**header, 'alg': 'none'})}.{part(claims)}."
    return {
        "alg none": unsigned,
        "alg None in another case": f"{part({**header, 'alg': 'NoNe'})}.{part(claims)}.",
        "alg none with a signature": unsigned + signature,
        "no alg": f"{part({'typ': 'JWT'})}.{part(claims)}.{signature}",
        "RS256 with the secret as its key": _signed({**header, "alg": "RS256"}, claims),
        "HS512 with the right key": jwt.encode(claims, key_for(Kind.ACCESS.purpose), algorithm="HS512"),
        "a key of the header": _signed({**header, "jwk": {"kty": "oct", "k": "AAAA"}}, claims, key="\0\0\0"),
        "an address of keys": _signed({**header, "jku": "http://127.0.0.1/keys", "kid": "../../x"}, claims, key="x"),
        "an empty key": _signed(header, claims, key=""),
        "an unknown critical header": _signed({**header, "crit": ["x"], "x": 1}, claims, key="y"),
        "the key of stream tokens": stream_key,
        "stream token": stream_token(user),
        "stream token with claims of the API": jwt.encode({**claims, "aud": "stream"}, settings.STREAM_TOKEN_KEY),
        "refresh token": refresh_token(user),
        "expired": issue_access(user, timedelta(minutes=-1)),
        "changed claims": f"{part(header)}.{part({**claims, 'user_id': 'f' * 24})}.{signature}",
        "no signature": f"{part(header)}.{part(claims)}",
        "four parts": f"{part(header)}.{part(claims)}.{signature}.{signature}",
    }


def _signed(header: dict[str, Any], claims: dict[str, Any], *, key: str | None = None) -> str:
    text = f"{part(header)}.{part(claims)}"
    signed_with: Any = key_for(Kind.ACCESS.purpose) if key is None else key.encode()
    digest = hmac.digest(signed_with, text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def test_no_other_token_opens_the_api(user: User) -> None:
    assert ApiClient(user).get("/me").status == 200

    answers = {name: ApiClient(authorization=f"Bearer {token}").get("/me") for name, token in confused(user).items()}

    assert {name: answer.problem for name, answer in answers.items()} == dict.fromkeys(answers, REFUSED)


def test_only_a_refresh_token_refreshes(user: User) -> None:
    tokens = confused(user) | {"access token": issue_access(user)}
    good = tokens.pop("refresh token")

    answers = {name: ApiClient().post("/auth/token/refresh", {"refresh": token}) for name, token in tokens.items()}

    assert {name: answer.problem for name, answer in answers.items()} == dict.fromkeys(answers, REFUSED)
    assert ApiClient().post("/auth/token/refresh", {"refresh": good}).status == 200


def test_tokens_of_the_api_are_no_stream_tokens(user: User) -> None:
    for token in (issue_access(user), refresh_token(user)):
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(token, settings.STREAM_TOKEN_KEY, algorithms=["HS256"], audience="stream")
