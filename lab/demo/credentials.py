"""Verifies one viewer's credentials as the player and the RTC vendor would."""

import json
import re
from dataclasses import dataclass
from typing import Any

import jwt

from lab.demo.expectations import SD, Show
from lab.stand_ins import StandIns
from sessions_app.rtc.access_token import Privilege, parse_access_token, verify_access_token


@dataclass(frozen=True)
class Verified:
    """A credential, and whether its content is exactly right."""

    what: str
    is_right: bool


def verify_credentials(stand_ins: StandIns, show: Show, *, now: int) -> list[Verified]:
    """Verify the credentials in the `stream.authorized` (sd) of the first viewer. A missing event counts as wrong."""
    viewer = show.viewers[0]
    channel = show.viewer_channel(SD, viewer)
    data = next((json.loads(event.data) for event in list(stand_ins.pusher.events) if event.channel == channel), None)
    if data is None:
        return [Verified("no sd event for the first viewer", is_right=False)]
    return verify_event(data, stand_ins, show, viewer, now=now)


def verify_event(data: dict[str, Any], stand_ins: StandIns, show: Show, viewer: str, *, now: int) -> list[Verified]:
    """Verify the credentials in the data of a `stream.authorized` (sd) for this viewer."""
    info = data["byteplus_rtc_info"]
    second_identity = re.compile(rf"{viewer}__stream_authorized__[0-9]+\.[0-9a-f]{{4}}")
    return [
        Verified("token: signed, aud stream, preset sd", _is_stream_token(data["token"], stand_ins, show, viewer)),
        Verified(
            "byteplus_token: signed, may only subscribe",
            _is_rtc_token(data["byteplus_token"], stand_ins, show, viewer, now=now),
        ),
        Verified(
            "byteplus_rtc_info: a second identity",
            second_identity.fullmatch(info["user_id"]) is not None
            and _is_rtc_token(info["token"], stand_ins, show, info["user_id"], now=now),
        ),
    ]


def _is_stream_token(token: str, stand_ins: StandIns, show: Show, viewer: str) -> bool:
    try:
        decoded: dict[str, Any] = jwt.decode_complete(
            token, stand_ins.stream_token_key, algorithms=["HS256"], audience="stream"
        )
    except jwt.InvalidTokenError:
        return False
    claims = {
        "aud": "stream",
        "sub": viewer,
        "streamer_id": show.streamer_id,
        "session_id": show.session_id,
        "goal_id": show.goal_id,
        "preset": SD,
        "nbf": show.nbf,
        "exp": show.access_exp,
    }
    return (decoded["header"]["typ"], decoded["payload"]) == ("stream+jwt", claims)


def _is_rtc_token(token: str, stand_ins: StandIns, show: Show, user: str, *, now: int) -> bool:
    if not verify_access_token(token, app_key=stand_ins.byteplus_app_key, now=now):
        return False
    parsed = parse_access_token(token)
    said = (parsed.app_id, parsed.room_id, parsed.user_id, parsed.expire_at, parsed.privileges)
    privileges = {Privilege.SUBSCRIBE: show.access_exp}
    return said == (stand_ins.byteplus.app_id, show.session_id, user, show.access_exp, privileges)
