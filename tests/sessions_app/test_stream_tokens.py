"""Stream tokens have exactly the claims that docs/api.md names."""

import base64
import json
from typing import Any

import jwt
import pytest
from pytest_django import Settings

from sessions_app.stream_tokens import StreamTokens
from tests.factories.stream_tokens import StreamToken, read_stream_token

KEY = "stream-token-key-of-at-least-32-bytes"
NBF = 1_760_000_000
EXP = NBF + 60
CLAIMS = {
    "aud": "stream",
    "sub": "67ceabecc82b8fd6cf63d6d6",
    "streamer_id": "67ceabecc82b8fd6cf63d6d7",
    "session_id": "6811bfd5d273022b46570ae5",
    "goal_id": "6811c05bf672c8b2cbdc2432",
    "preset": "sd",
    "nbf": NBF,
    "exp": EXP,
}
TYPE = {"typ": "stream+jwt"}


@pytest.fixture(autouse=True)
def key(settings: Settings) -> None:
    settings.STREAM_TOKEN_KEY = KEY


def test_stream_token_has_exactly_the_claims_of_the_contract() -> None:
    header, claims = (json.loads(_decoded(part)) for part in _mint().split(".")[:2])
    assert header == {"alg": "HS256", "typ": "stream+jwt"}
    assert claims == CLAIMS


def test_stream_token_equals_that_of_the_library() -> None:
    assert _mint() == jwt.encode(CLAIMS, KEY, headers=TYPE)


def test_stream_token_without_a_goal_is_valid() -> None:
    token = _mint(goal_id=None, preset="preview")
    assert read_stream_token(token, now=NBF) == StreamToken(
        viewer_id="67ceabecc82b8fd6cf63d6d6",
        streamer_id="67ceabecc82b8fd6cf63d6d7",
        session_id="6811bfd5d273022b46570ae5",
        goal_id=None,
        preset="preview",
        nbf=NBF,
        exp=EXP,
    )


@pytest.mark.parametrize("now", [NBF - 1, EXP])
def test_stream_token_is_valid_from_nbf_until_exp(now: int) -> None:
    assert read_stream_token(_mint(), now=NBF).nbf == NBF
    assert read_stream_token(_mint(), now=EXP - 1).exp == EXP
    with pytest.raises(jwt.InvalidTokenError):
        read_stream_token(_mint(), now=now)


def _mint(**changed: Any) -> str:
    values: dict[str, Any] = {
        "viewer_id": CLAIMS["sub"],
        **{name: CLAIMS[name] for name in ("streamer_id", "session_id", "goal_id", "preset", "nbf", "exp")},
        **changed,
    }
    viewer_id = values.pop("viewer_id")
    return StreamTokens(**values).mint(viewer_id)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
