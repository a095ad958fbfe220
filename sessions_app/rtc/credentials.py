"""RTC credentials of one person for one room. They are minted when asked for and stored nowhere."""

import secrets
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from sessions_app.rtc.access_token import Privilege, build_access_token
from sessions_app.rtc.limits import check_id

# The vendor's advice: a token never outlives a week.
MAX_LIFETIME_SECONDS = 7 * 24 * 60 * 60


def viewer_access_token(*, room_id: str, user_id: str, expire_at: int, now: int) -> str:
    """Return a token that lets the user watch the room until `expire_at` (Unix seconds)."""
    return _access_token((Privilege.SUBSCRIBE,), room_id=room_id, user_id=user_id, expire_at=expire_at, now=now)


def publisher_access_token(*, room_id: str, user_id: str, expire_at: int, now: int) -> str:
    """Return a token that lets the user publish in the room, and watch it, until `expire_at` (Unix seconds)."""
    granted = (Privilege.PUBLISH, Privilege.SUBSCRIBE)
    return _access_token(granted, room_id=room_id, user_id=user_id, expire_at=expire_at, now=now)


def byteplus_rtc_info(*, room_id: str, viewer_id: str, expire_at: int, now: int) -> dict[str, Any]:
    """Return a second identity of the viewer for the room: `{app_id, room_id, user_id, token, exp}`.

    A later join with the same user id throws the earlier one out of the room, so this one has its own.
    """
    user_id = f"{viewer_id}__stream_authorized__{now}"
    return {
        "app_id": settings.BYTEPLUS_APP_ID,
        "room_id": room_id,
        "user_id": user_id,
        "token": viewer_access_token(room_id=room_id, user_id=user_id, expire_at=expire_at, now=now),
        "exp": expire_at,
    }


def _access_token(granted: tuple[Privilege, ...], *, room_id: str, user_id: str, expire_at: int, now: int) -> str:
    check_id("room_id", room_id)
    check_id("user_id", user_id)
    if expire_at - now > MAX_LIFETIME_SECONDS:
        raise ValueError(f"expire_at lies more than {MAX_LIFETIME_SECONDS} seconds ahead")
    # An empty key would sign all the same, and anybody could.
    app_id, app_key = settings.BYTEPLUS_APP_ID, settings.BYTEPLUS_APP_KEY
    if not app_id or not app_key:
        raise ImproperlyConfigured("BYTEPLUS_APP_ID and BYTEPLUS_APP_KEY must be set.")
    return build_access_token(
        app_id=app_id,
        app_key=app_key,
        room_id=room_id,
        user_id=user_id,
        privileges=dict.fromkeys(granted, expire_at),
        expire_at=expire_at,
        issued_at=now,
        nonce=secrets.randbits(32),
    )
