"""All credentials of one person for one session: minted when asked for, stored nowhere."""

from dataclasses import dataclass
from typing import Any

from sessions_app.rtc.credentials import byteplus_rtc_info, publisher_access_token, viewer_access_token
from sessions_app.stream_tokens import mint_stream_token

PREVIEW_SECONDS = 5 * 60
PUBLISH_SECONDS = 6 * 60 * 60

Credentials = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidWindow:
    """A show that its payers may see from `nbf` until `exp` (Unix seconds)."""

    goal_id: str
    session_id: str
    streamer_id: str
    nbf: int
    exp: int


def sd_credentials(window: PaidWindow, viewer_id: str, *, now: int) -> Credentials:
    """Return a payer's credentials for the paid picture: `{token, byteplus_token, byteplus_rtc_info}`."""
    return {
        "token": mint_stream_token(
            viewer_id=viewer_id,
            streamer_id=window.streamer_id,
            session_id=window.session_id,
            goal_id=window.goal_id,
            preset="sd",
            nbf=window.nbf,
            exp=window.exp,
        ),
        "byteplus_token": viewer_access_token(
            room_id=window.session_id, user_id=viewer_id, expire_at=window.exp, now=now
        ),
        "byteplus_rtc_info": byteplus_rtc_info(
            room_id=window.session_id, viewer_id=viewer_id, expire_at=window.exp, now=now
        ),
    }


def publish_credentials(session_id: str, streamer_id: str, *, now: int) -> Credentials:
    """Return the streamer's own: the session token view's answer with the preset `publish`."""
    exp = now + PUBLISH_SECONDS
    byteplus_token = publisher_access_token(room_id=session_id, user_id=streamer_id, expire_at=exp, now=now)
    info = byteplus_rtc_info(room_id=session_id, viewer_id=streamer_id, expire_at=exp, now=now)
    return {
        "preset": "publish",
        "token": _own_token("publish", session_id, streamer_id, streamer_id, now=now, exp=exp),
        "byteplus_token": byteplus_token,
        "byteplus_rtc_info": info,
        "nbf": now,
        "exp": exp,
    }


def preview_credentials(session_id: str, streamer_id: str, viewer_id: str, *, now: int) -> Credentials:
    """Return anyone's: a short token for the free picture, and nothing that opens the room."""
    return {
        "preset": "preview",
        "token": _own_token("preview", session_id, streamer_id, viewer_id, now=now, exp=now + PREVIEW_SECONDS),
        "byteplus_token": None,
        "byteplus_rtc_info": None,
        "nbf": None,
        "exp": None,
    }


def _own_token(preset: str, session_id: str, streamer_id: str, user_id: str, *, now: int, exp: int) -> str:
    return mint_stream_token(
        viewer_id=user_id,
        streamer_id=streamer_id,
        session_id=session_id,
        goal_id=None,
        preset=preset,
        nbf=now,
        exp=exp,
    )
