"""Verifies stream tokens as the player's server does."""

from dataclasses import dataclass
from typing import Any

import jwt
from django.conf import settings


@dataclass(frozen=True)
class StreamToken:
    """The claims of a valid token. Times are Unix seconds. `goal_id` is None unless the token is for a show."""

    viewer_id: str
    streamer_id: str
    session_id: str
    goal_id: str | None
    preset: str
    nbf: int
    exp: int


def read_stream_token(token: str, *, now: int) -> StreamToken:
    """Return the token's claims. Raise jwt.InvalidTokenError unless it is a stream token that is valid at `now`."""
    options: Any = {"verify_exp": False, "verify_nbf": False}  # the library would use its own clock
    decoded = jwt.decode_complete(
        token, settings.STREAM_TOKEN_KEY, algorithms=["HS256"], audience="stream", options=options
    )
    claims = decoded["payload"]
    if decoded["header"]["typ"] != "stream+jwt" or not claims["nbf"] <= now < claims["exp"]:
        raise jwt.InvalidTokenError
    names = ("streamer_id", "session_id", "goal_id", "preset", "nbf", "exp")
    return StreamToken(viewer_id=claims["sub"], **{name: claims[name] for name in names})
