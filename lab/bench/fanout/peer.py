"""The peer of `bench fanout`: a minimal program, which sends one `trigger` for each viewer and event in sequence."""

import time
from collections.abc import Mapping

from bson import ObjectId
from django.test import override_settings

from notifications.backends.base import Broadcast
from notifications.backends.pusher import PusherRealtime
from notifications.channels import viewer_channel
from notifications.events import PREVIEW, SD, STREAM_AUTHORIZED, as_json
from sessions_app.credentials import PaidWindow, sd_credentials

SHOW_SECONDS = 3600


def seconds_of_peer(environment: Mapping[str, str], viewers: int) -> float:
    """Return how many seconds it takes to tell this number of viewers. Tokens are minted, but nothing is recorded."""
    realtime = PusherRealtime(
        app_id=environment["PUSHER_APP_ID"],
        key=environment["PUSHER_KEY"],
        secret=environment["PUSHER_SECRET"],
        host=environment["PUSHER_HOST"],
        port=int(environment["PUSHER_PORT"]),
        ssl=False,
    )
    keys = {name: environment[name] for name in ("STREAM_TOKEN_KEY", "BYTEPLUS_APP_ID", "BYTEPLUS_APP_KEY")}
    window = _window()
    began = time.monotonic()
    with override_settings(**keys):
        for _ in range(viewers):
            _tell(realtime, window, str(ObjectId()))
    return time.monotonic() - began


def _tell(realtime: PusherRealtime, window: PaidWindow, viewer: str) -> None:
    common = {
        "event_id": window.goal_id,
        "goal_id": window.goal_id,
        "session_id": window.session_id,
        "nbf": window.nbf,
        "exp": window.exp,
    }
    own = {**common, **sd_credentials(window, viewer, now=window.nbf)}
    for preset, payload in ((PREVIEW, common), (SD, own)):
        channel = viewer_channel(window.streamer_id, preset, viewer)
        (result,) = realtime.send([Broadcast((channel,), STREAM_AUTHORIZED, as_json(payload))])
        if result.error is not None:
            raise result.error


def _window() -> PaidWindow:
    now = int(time.time())
    goal_id, session_id, streamer_id = (str(ObjectId()) for _ in range(3))
    return PaidWindow(goal_id=goal_id, session_id=session_id, streamer_id=streamer_id, nbf=now, exp=now + SHOW_SECONDS)
