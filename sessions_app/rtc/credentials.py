"""Mints the RTC credentials of a user for a room when they are needed. They are never stored."""

import secrets
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from sessions_app.rtc.access_token import AccessTokens, Privilege
from sessions_app.rtc.limits import check_id

# The vendor advises against tokens that are valid for longer than a week.
MAX_LIFETIME_SECONDS = 7 * 24 * 60 * 60
RANDOM_BYTES = 2  # written as four hexadecimal digits at the end of a second identity's user id


class RoomTokens:
    """Mints access tokens for one room. They are valid until `expire_at` (Unix seconds)."""

    def __init__(self, room_id: str, *granted: Privilege, expire_at: int, now: int) -> None:
        check_id("room_id", room_id)
        if expire_at - now > MAX_LIFETIME_SECONDS:
            raise ValueError(f"expire_at lies more than {MAX_LIFETIME_SECONDS} seconds ahead")
        # HMAC accepts an empty key, but then anybody could forge tokens.
        if not settings.BYTEPLUS_APP_ID or not settings.BYTEPLUS_APP_KEY:
            raise ImproperlyConfigured("BYTEPLUS_APP_ID and BYTEPLUS_APP_KEY must be set.")
        self._app_id: str = settings.BYTEPLUS_APP_ID
        self._room_id = room_id
        self._now, self._expire_at = now, expire_at
        self._tokens = AccessTokens(
            app_id=self._app_id,
            app_key=settings.BYTEPLUS_APP_KEY,
            room_id=room_id,
            privileges=dict.fromkeys(granted, expire_at),
            expire_at=expire_at,
            issued_at=now,
        )

    @classmethod
    def of_viewers(cls, room_id: str, *, expire_at: int, now: int) -> "RoomTokens":
        """Return a RoomTokens for users who may watch the room."""
        return cls(room_id, Privilege.SUBSCRIBE, expire_at=expire_at, now=now)

    @classmethod
    def of_publisher(cls, room_id: str, *, expire_at: int, now: int) -> "RoomTokens":
        """Return a RoomTokens for users who may publish in the room and watch it."""
        return cls(room_id, Privilege.PUBLISH, Privilege.SUBSCRIBE, expire_at=expire_at, now=now)

    def mint(self, user_id: str) -> str:
        """Return the user's token."""
        check_id("user_id", user_id)
        return self._tokens.build(user_id, nonce=secrets.randbits(32))

    def second_identity(self, viewer_id: str) -> dict[str, Any]:
        """Return a second identity of the viewer for the room: `{app_id, room_id, user_id, token, exp}`.

        Its user id differs from the viewer's, because a second join with the same id ends the first. The id ends in a
        random part, because two devices of the viewer may request an identity in the same second.
        """
        user_id = f"{viewer_id}__stream_authorized__{self._now}.{secrets.token_hex(RANDOM_BYTES)}"
        return {
            "app_id": self._app_id,
            "room_id": self._room_id,
            "user_id": user_id,
            "token": self.mint(user_id),
            "exp": self._expire_at,
        }
