"""No endpoint accepts a body, JSON or a form, that is too large, too deeply nested or of unknown length."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from rest_framework.test import APIClient

from api.access import routes

pytestmark = pytest.mark.django_db

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
ID = "6811c05bf672c8b2cbdc2432"
ENDPOINTS = sorted(
    (call.method, re.sub("{[a-z_]+}", ID, call.path)) for call in routes() if call.method in {"POST", "PUT", "PATCH"}
)
TOO_LARGE = b" " * (django_settings.MAX_BODY_BYTES + 1)
TOO_DEEP = b"[" * (django_settings.MAX_BODY_DEPTH + 1) + b"]" * (django_settings.MAX_BODY_DEPTH + 1)

Send = Callable[..., tuple[int, str]]


@pytest.fixture
def send(client: APIClient, bearer: dict[str, str], settings: Any) -> Send:
    settings.ROOT_URLCONF = "config.urls"

    def request(method: str, path: str, body: bytes, content_type: str = JSON, **more: Any) -> tuple[int, str]:
        response: Any = client.generic(
            method,
            path,
            body,  # type: ignore[arg-type]  # the stubs say str, but bytes work as well
            content_type=content_type,
            headers=bearer,
            **more,
        )
        return response.status_code, response.json()["code"]

    return request


def test_endpoints_are_found() -> None:
    assert {("POST", "/goals"), ("PATCH", f"/goals/{ID}"), ("POST", "/pusher/auth"), ("POST", "/auth/token")} <= set(
        ENDPOINTS
    )


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_no_endpoint_accepts_an_oversized_body(send: Send, method: str, path: str) -> None:
    unknown_length = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    # The signature of a Pusher webhook is checked before the body is parsed.
    too_deep = (403, "permission_denied") if path == "/pusher/webhook" else (400, "malformed_json")

    assert [
        send(method, path, TOO_LARGE),
        send(method, path, TOO_DEEP),
        send(method, path, b"{}", **unknown_length),
    ] == [(413, "payload_too_large"), too_deep, (411, "length_required")]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"socket_id=1.2&channel_name=" + TOO_LARGE, (413, "payload_too_large")),
        (b"&".join(b"a%d=1" % number for number in range(1001)), (400, "bad_request")),
        (b"socket_id=1.2&channel_name=" + b"c" * 900_000, (400, "invalid")),
        (b"\xff\xfe=%ff&socket_id=%ff%fe&channel_name=%00", (400, "invalid")),
    ],
)
def test_forms_are_limited_too(send: Send, body: bytes, answer: tuple[int, str]) -> None:
    assert send("POST", "/pusher/auth", body, FORM) == answer


def test_form_of_unknown_length_is_refused(send: Send) -> None:
    unknown_length = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}

    assert send("POST", "/pusher/auth", b"socket_id=1.2", FORM, **unknown_length) == (411, "length_required")


@pytest.mark.parametrize("path", ["/byteplus/callback", "/auth/token", "/goals"])
def test_only_pusher_auth_accepts_forms(send: Send, path: str) -> None:
    assert send("POST", path, b"a=1", FORM) == (415, "unsupported_media_type")
