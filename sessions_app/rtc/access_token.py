"""BytePlus RTC AccessTokens, version "001". A token lets one user join one room with certain privileges.

Source: the vendor's public samples in Python, Node and Java. The samples produce exactly the tokens in
`tests/vectors/access_tokens.json`.

    token     = "001" + app id (24 characters) + base64(bytes(message) + bytes(signature))
    message   = u32 nonce, u32 issued_at, u32 expire_at, bytes(room), bytes(user),
                u16 count, count x (u16 privilege, u32 expiry), sorted by privilege
    signature = HMAC-SHA256(app key, message)

Integers are little-endian; bytes(x) is x preceded by its length as a u16. Times are Unix seconds.
"""

import base64
import hashlib
import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

VERSION = "001"
APP_ID_CHARACTERS = 24


class Privilege(IntEnum):
    """What the holder of a token may do in the room."""

    PUBLISH = 0
    PUBLISH_AUDIO = 1
    PUBLISH_VIDEO = 2
    PUBLISH_DATA = 3
    SUBSCRIBE = 4


# PUBLISH includes these three privileges, as in the vendor's samples.
_PUBLISH_STREAMS = (Privilege.PUBLISH_AUDIO, Privilege.PUBLISH_VIDEO, Privilege.PUBLISH_DATA)


@dataclass(frozen=True)
class AccessToken:
    """A parsed token. `privileges` maps each privilege to its expiry; `signature` signs `message`."""

    app_id: str
    nonce: int
    issued_at: int
    expire_at: int
    room_id: str
    user_id: str
    privileges: Mapping[Privilege, int]
    message: bytes
    signature: bytes


class AccessTokens:
    """Builds tokens for one room. The tokens differ only in the user and the nonce.

    Raises ValueError if a value does not fit its field.
    """

    def __init__(
        self,
        *,
        app_id: str,
        app_key: str,
        room_id: str,
        privileges: Mapping[Privilege, int],
        expire_at: int,
        issued_at: int,
    ) -> None:
        if len(app_id) != APP_ID_CHARACTERS:
            raise ValueError(f"app_id must have {APP_ID_CHARACTERS} characters, not {len(app_id)}")
        granted = dict(privileges)
        if Privilege.PUBLISH in granted:
            granted |= dict.fromkeys(_PUBLISH_STREAMS, granted[Privilege.PUBLISH])
        pairs = [field for pair in sorted(granted.items()) for field in pair]
        self._head = VERSION + app_id
        self._key = app_key.encode()
        self._before_user = _packed("<II", issued_at, expire_at) + _sized(room_id.encode())
        self._after_user = _packed(f"<H{'HI' * len(granted)}", len(granted), *pairs)

    def build(self, user_id: str, *, nonce: int) -> str:
        """Return the user's signed token."""
        message = _packed("<I", nonce) + self._before_user + _sized(user_id.encode()) + self._after_user
        content = _sized(message) + _sized(hmac.digest(self._key, message, hashlib.sha256))
        return self._head + base64.b64encode(content).decode()


def parse_access_token(token: str) -> AccessToken:
    """Read a token without verifying it. Raise ValueError if it is malformed or truncated."""
    header = len(VERSION) + APP_ID_CHARACTERS
    if not token.startswith(VERSION) or len(token) <= header:
        raise ValueError("not an AccessToken 001")
    content = _Reader(base64.b64decode(token[header:], validate=True))
    message, signature = content.sized(), content.sized()
    content.end()
    fields = _Reader(message)
    nonce, issued_at, expire_at = fields.integers("<III")
    room_id, user_id = fields.sized().decode(), fields.sized().decode()
    (count,) = fields.integers("<H")
    pairs = [fields.integers("<HI") for _ in range(count)]
    fields.end()
    return AccessToken(
        app_id=token[len(VERSION) : header],
        nonce=nonce,
        issued_at=issued_at,
        expire_at=expire_at,
        room_id=room_id,
        user_id=user_id,
        privileges={Privilege(privilege): expiry for privilege, expiry in pairs},
        message=message,
        signature=signature,
    )


def verify_access_token(token: str, *, app_key: str, now: int) -> bool:
    """Tell whether the token is well-formed, signed with the key and not expired. `now` is in Unix seconds."""
    try:
        parsed = parse_access_token(token)
    except ValueError:
        return False
    signature = hmac.digest(app_key.encode(), parsed.message, hashlib.sha256)
    return hmac.compare_digest(parsed.signature, signature) and now < parsed.expire_at


def _sized(content: bytes) -> bytes:
    return _packed("<H", len(content)) + content


def _packed(layout: str, *values: int) -> bytes:
    try:
        return struct.pack(layout, *values)
    except struct.error as error:
        raise ValueError(f"a value does not fit its field: {error}") from error


class _Reader:
    """Reads the fields of a byte string one after the other."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def integers(self, layout: str) -> tuple[int, ...]:
        """Read the integers of the struct layout."""
        return struct.unpack(layout, self._take(struct.calcsize(layout)))

    def sized(self) -> bytes:
        """Read a length (a u16), and then a byte string of that length."""
        (length,) = self.integers("<H")
        return self._take(length)

    def end(self) -> None:
        """Raise ValueError if bytes are left."""
        if self._rest:
            raise ValueError("trailing bytes in the token")

    def _take(self, length: int) -> bytes:
        if len(self._rest) < length:
            raise ValueError("truncated token")
        taken, self._rest = self._rest[:length], self._rest[length:]
        return taken
