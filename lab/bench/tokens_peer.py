"""The peer of `bench tokens`, which makes its tokens with PyJWT and with code like the vendor's Python sample."""

import base64
import hmac
import secrets
import struct
from hashlib import sha256
from typing import Any

import jwt
from django.conf import settings

from sessions_app.credentials import PaidWindow

SUBSCRIBE = 4


class SampleToken:
    """Builds an RTC token one field at a time, like the class ByteBuf of the vendor's sample."""

    def __init__(self, room_id: str, user_id: str, expire_at: int, now: int) -> None:
        self.room_id, self.user_id, self.expire_at, self.now = room_id, user_id, expire_at, now
        self.privileges: dict[int, int] = {}
        self.buffer = b""

    def add_privilege(self, privilege: int, expire_at: int) -> None:
        """Grant a privilege."""
        self.privileges[privilege] = expire_at

    def serialize(self) -> str:
        """Return the signed token."""
        for number in (secrets.randbits(32), self.now, self.expire_at):
            self.buffer += struct.pack("<I", number)
        for text in (self.room_id, self.user_id):
            self.put(text.encode())
        self.buffer += struct.pack("<H", len(self.privileges))
        for privilege, expiry in sorted(self.privileges.items()):
            self.buffer += struct.pack("<H", privilege)
            self.buffer += struct.pack("<I", expiry)
        message, self.buffer = self.buffer, b""
        self.put(message)
        self.put(hmac.new(settings.BYTEPLUS_APP_KEY.encode(), message, sha256).digest())
        return "001" + str(settings.BYTEPLUS_APP_ID) + base64.b64encode(self.buffer).decode()

    def put(self, content: bytes) -> None:
        """Append bytes, preceded by their length."""
        self.buffer += struct.pack("<H", len(content))
        self.buffer += content


def sample_credentials(window: PaidWindow, viewer_id: str, *, now: int) -> dict[str, Any]:
    """Return credentials as `sd_credentials` does."""
    second_id = f"{viewer_id}__stream_authorized__{now}.{secrets.token_hex(2)}"
    claims = {
        "aud": "stream",
        "sub": viewer_id,
        "streamer_id": window.streamer_id,
        "session_id": window.session_id,
        "goal_id": window.goal_id,
        "preset": "sd",
        "nbf": window.nbf,
        "exp": window.exp,
    }
    return {
        "token": jwt.encode(claims, settings.STREAM_TOKEN_KEY, algorithm="HS256", headers={"typ": "stream+jwt"}),
        "byteplus_token": _sample_token(window, viewer_id, now=now),
        "byteplus_rtc_info": {
            "app_id": settings.BYTEPLUS_APP_ID,
            "room_id": window.session_id,
            "user_id": second_id,
            "token": _sample_token(window, second_id, now=now),
            "exp": window.exp,
        },
    }


def _sample_token(window: PaidWindow, user_id: str, *, now: int) -> str:
    token = SampleToken(window.session_id, user_id, window.exp, now)
    token.add_privilege(SUBSCRIBE, window.exp)
    return token.serialize()
