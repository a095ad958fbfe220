"""AccessTokens of version 001 equal the vendors' test vectors, and credentials consist of such tokens."""

import re
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from config.errors import TransportError
from sessions_app.rtc.access_token import AccessTokens, Privilege, parse_access_token, verify_access_token
from sessions_app.rtc.credentials import RoomTokens
from tests.vectors import load_vectors

VECTORS = load_vectors("access_tokens")
VALID = pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["name"])
APP_ID = "123456781234567812345678"
APP_KEY = "0123456789abcdef0123456789abcdef"
ROOM = "6811bfd5d273022b46570ae5"
VIEWER = "67ceabecc82b8fd6cf63d6d6"
NOW = 1_760_000_000
EXPIRE_AT = NOW + 60


@pytest.fixture(autouse=True)
def app(settings: Settings) -> None:
    settings.BYTEPLUS_APP_ID = APP_ID
    settings.BYTEPLUS_APP_KEY = APP_KEY


@VALID
def test_access_token_equals_the_vendors(vector: dict[str, Any]) -> None:
    given_values = vector["input"] | {"privileges": _privileges(vector["input"]["privileges"])}
    assert _build(**given_values) == vector["token"]


@VALID
def test_access_token_parses(vector: dict[str, Any]) -> None:
    parsed = parse_access_token(vector["token"])
    expected = vector["parsed"] | {"privileges": _privileges(vector["parsed"]["privileges"])}
    assert {name: getattr(parsed, name) for name in expected} == expected
    assert (parsed.message.hex(), parsed.signature.hex()) == (vector["message_hex"], vector["signature_hex"])


@VALID
def test_access_token_verifies_with_its_key_only(vector: dict[str, Any]) -> None:
    now, app_key = vector["verify"]["now"], vector["input"]["app_key"]
    assert verify_access_token(vector["token"], app_key=app_key, now=now) is vector["verify"]["with_app_key"]
    assert verify_access_token(vector["token"], app_key="x" * 32, now=now) is vector["verify"]["with_wrong_key"]


@VALID
def test_access_token_expires(vector: dict[str, Any]) -> None:
    app_key, expire_at = vector["input"]["app_key"], vector["input"]["expire_at"]
    assert verify_access_token(vector["token"], app_key=app_key, now=expire_at - 1)
    assert not verify_access_token(vector["token"], app_key=app_key, now=expire_at)


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda vector: vector["name"])
def test_access_token_refuses_a_truncated_one(vector: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="truncated token"):
        parse_access_token(vector["token"])
    assert not verify_access_token(vector["token"], app_key=APP_KEY, now=NOW)


@given(st.integers(0, len(VECTORS["valid"][0]["token"]) - 1))
def test_access_token_refuses_every_shortened_one(length: int) -> None:
    shortened = VECTORS["valid"][0]["token"][:length]
    with pytest.raises(ValueError):  # noqa: PT011 - that it is a ValueError is all that is promised
        parse_access_token(shortened)
    assert not verify_access_token(shortened, app_key=APP_KEY, now=NOW)


@given(st.text())
def test_access_token_refuses_anything_else(text: str) -> None:
    assert not verify_access_token(text, app_key=APP_KEY, now=NOW)
    assert not verify_access_token(f"001{APP_ID}{text}", app_key=APP_KEY, now=NOW)


@given(st.integers(27, len(VECTORS["valid"][0]["token"]) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_access_token_refuses_a_changed_one(position: int, character: str) -> None:
    token: str = VECTORS["valid"][0]["token"]
    changed = token[:position] + character + token[position + 1 :]
    # Except in padding bits, each changed character changes the message or the signature.
    assert verify_access_token(changed, app_key=APP_KEY, now=NOW) is (changed == token)


@pytest.mark.parametrize(
    "wrong", [{"app_id": "short"}, {"nonce": 2**32}, {"expire_at": -1}, {"room_id": "x" * 2**16}], ids=str
)
def test_access_token_refuses_values_that_do_not_fit(wrong: dict[str, Any]) -> None:
    values = VECTORS["valid"][0]["input"] | {"privileges": {Privilege.SUBSCRIBE: EXPIRE_AT}}
    with pytest.raises(ValueError, match=r"app_id must|does not fit"):
        _build(**values | wrong)


def test_viewer_may_only_subscribe() -> None:
    token = RoomTokens.of_viewers(ROOM, expire_at=EXPIRE_AT, now=NOW).mint(VIEWER)
    parsed = parse_access_token(token)
    assert parsed.privileges == {Privilege.SUBSCRIBE: EXPIRE_AT}
    assert (parsed.app_id, parsed.room_id, parsed.user_id) == (APP_ID, ROOM, VIEWER)
    assert (parsed.issued_at, parsed.expire_at) == (NOW, EXPIRE_AT)
    assert verify_access_token(token, app_key=APP_KEY, now=NOW)


def test_publisher_may_publish_and_subscribe() -> None:
    token = RoomTokens.of_publisher(ROOM, expire_at=EXPIRE_AT, now=NOW).mint(VIEWER)
    assert parse_access_token(token).privileges == dict.fromkeys(Privilege, EXPIRE_AT)


def test_rtc_info_is_a_second_identity_with_its_own_token() -> None:
    info = RoomTokens.of_viewers(ROOM, expire_at=EXPIRE_AT, now=NOW).second_identity(VIEWER)
    token = info.pop("token")
    user_id = info["user_id"]
    assert info == {"app_id": APP_ID, "room_id": ROOM, "user_id": user_id, "exp": EXPIRE_AT}
    assert re.fullmatch(rf"{VIEWER}__stream_authorized__{NOW}\.[0-9a-f]{{4}}", user_id)
    assert re.fullmatch(r"[a-zA-Z0-9_@\-.]{1,128}", user_id)
    parsed = parse_access_token(token)
    assert (parsed.room_id, parsed.user_id) == (ROOM, user_id)
    assert parsed.privileges == {Privilege.SUBSCRIBE: EXPIRE_AT}


def test_devices_of_a_viewer_that_ask_in_the_same_second_have_different_identities() -> None:
    room = RoomTokens.of_viewers(ROOM, expire_at=EXPIRE_AT, now=NOW)
    devices = {room.second_identity(VIEWER)["user_id"] for _ in range(20)}
    assert len(devices) >= 19  # in about one of 340 runs, two of the twenty ids are equal


def test_credentials_differ_each_time() -> None:
    tokens = {RoomTokens.of_viewers(ROOM, expire_at=EXPIRE_AT, now=NOW).mint(VIEWER) for _ in range(20)}
    assert len(tokens) == 20


def test_credentials_last_a_week_at_most() -> None:
    week = 7 * 24 * 60 * 60
    RoomTokens.of_viewers(ROOM, expire_at=NOW + week, now=NOW)
    with pytest.raises(ValueError, match="604800 seconds ahead"):
        RoomTokens.of_viewers(ROOM, expire_at=NOW + week + 1, now=NOW)


@pytest.mark.parametrize("user_id", ["", "a b", "x" * 129, "viewer\n"])
def test_credentials_refuse_an_id_that_the_vendor_refuses(user_id: str) -> None:
    with pytest.raises(TransportError) as caught:
        RoomTokens.of_viewers(ROOM, expire_at=EXPIRE_AT, now=NOW).mint(user_id)
    assert caught.value.permanent


@pytest.mark.parametrize("missing", ["BYTEPLUS_APP_ID", "BYTEPLUS_APP_KEY"])
def test_credentials_need_both_keys(settings: Settings, missing: str) -> None:
    setattr(settings, missing, "")
    with pytest.raises(ImproperlyConfigured):
        RoomTokens.of_viewers(ROOM, expire_at=EXPIRE_AT, now=NOW).mint(VIEWER)


def _privileges(by_number: dict[str, int]) -> dict[Privilege, int]:
    return {Privilege(int(number)): expiry for number, expiry in by_number.items()}


def _build(*, user_id: str, nonce: int, **common: Any) -> str:
    return AccessTokens(**common).build(user_id, nonce=nonce)
