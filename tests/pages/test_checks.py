"""The system checks validate the address and the hash of pusher-js."""

from typing import Any

import pytest

from pages.checks import check_pusher_js

URL = "https://js.example.com/pusher.min.js"


@pytest.mark.parametrize(
    ("url", "integrity", "ids"),
    [
        ("", "", []),
        ("/static/pusher.min.js", "", []),
        (URL, "sha384-abcd", []),
        (URL, "", ["pages.W001"]),
        (f"{URL}; script-src *", "sha384-abcd", ["pages.E001"]),
        ("js.example.com", "", ["pages.E001"]),
        ("data:text/javascript,1", "", ["pages.E001"]),
        (URL, "md5-abcd", ["pages.E001"]),
    ],
)
def test_address_and_hash_are_checked(settings: Any, url: str, integrity: str, ids: list[str]) -> None:
    settings.PUSHER_JS_URL, settings.PUSHER_JS_INTEGRITY = url, integrity

    assert [message.id for message in check_pusher_js()] == ids
