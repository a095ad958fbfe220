"""Mints the credentials of a user for a session when they are needed. They are never stored."""

from dataclasses import dataclass
from typing import Any

from sessions_app.rtc.credentials import RoomTokens
from sessions_app.stream_tokens import StreamTokens

PREVIEW_SECONDS = 5 * 60
# Tokens can't be revoked, so a streamer's tokens are valid only for an hour. Clients renew them.
PUBLISH_SECONDS = 60 * 60

Credentials = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidWindow:
    """The time in which payers may watch a show: from `nbf` until `exp` (Unix seconds)."""

    goal_id: str
    session_id: str
    streamer_id: str
    nbf: int
    exp: int


class SdCredentials:
    """Mints the credentials with which payers watch a show. What all payers have in common is prepared only once."""

    def __init__(self, window: PaidWindow, *, now: int) -> None:
        self._streams = StreamTokens(
            streamer_id=window.streamer_id,
            session_id=window.session_id,
            goal_id=window.goal_id,
            preset="sd",
            nbf=window.nbf,
            exp=window.exp,
        )
        self._room = RoomTokens.of_viewers(window.session_id, expire_at=window.exp, now=now)

    def mint(self, viewer_id: str) -> Credentials:
        """Return the viewer's credentials: `{token, byteplus_token, byteplus_rtc_info}`."""
        return {
            "token": self._streams.mint(viewer_id),
            "byteplus_token": self._room.mint(viewer_id),
            "byteplus_rtc_info": self._room.second_identity(viewer_id),
        }


def sd_credentials(window: PaidWindow, viewer_id: str, *, now: int) -> Credentials:
    """Return the credentials of one payer: `{token, byteplus_token, byteplus_rtc_info}`."""
    return SdCredentials(window, now=now).mint(viewer_id)


def publish_credentials(session_id: str, streamer_id: str, *, now: int) -> Credentials:
    """Return the streamer's credentials, in the form that the session token view returns."""
    exp = now + PUBLISH_SECONDS
    return {
        "preset": "publish",
        "token": _own_token("publish", session_id, streamer_id, streamer_id, now=now, exp=exp),
        "byteplus_token": RoomTokens.of_publisher(session_id, expire_at=exp, now=now).mint(streamer_id),
        "byteplus_rtc_info": RoomTokens.of_viewers(session_id, expire_at=exp, now=now).second_identity(streamer_id),
        "nbf": now,
        "exp": exp,
    }


def preview_credentials(session_id: str, streamer_id: str, viewer_id: str, *, now: int) -> Credentials:
    """Return a viewer's credentials for the free video: a short-lived stream token, and no token for the RTC room."""
    return {
        "preset": "preview",
        "token": _own_token("preview", session_id, streamer_id, viewer_id, now=now, exp=now + PREVIEW_SECONDS),
        "byteplus_token": None,
        "byteplus_rtc_info": None,
        "nbf": None,
        "exp": None,
    }


def _own_token(preset: str, session_id: str, streamer_id: str, user_id: str, *, now: int, exp: int) -> str:
    tokens = StreamTokens(streamer_id=streamer_id, session_id=session_id, goal_id=None, preset=preset, nbf=now, exp=exp)
    return tokens.mint(user_id)
