"""Odd headers, which the tests pass to the WSGI application as the web server would."""

import io
import json
from collections.abc import Callable
from encodings.aliases import aliases
from functools import cache
from http import HTTPStatus
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.contrib.auth.models import User

from api.authentication import issue_access
from config.requests import Handler

pytestmark = pytest.mark.django_db

# All codecs of Python. Some are not for text, and some cannot replace what they fail to decode.
CODECS = sorted(
    {*aliases.values(), "undefined", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "nope", ""}
)
FORM = "application/x-www-form-urlencoded"
HUGE = "9" * 5000


@cache
def application() -> Handler:
    return Handler()


def call(method: str, path: str, *, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    """Send a request. Return the status and the body. If the body is a JSON object, return it parsed."""
    path, _mark, query = path.partition("?")
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, **headers}
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "HTTP_HOST": "testserver"}
    setup_testing_defaults(environ)
    started: list[str] = []

    def start(status: str, _headers: Any, _error: Any = None) -> Callable[[bytes], object]:
        started.append(status)
        return str

    answer = application()(environ, start)
    content = b"".join(answer)
    answer.close()
    return int(started[0].split()[0]), json.loads(content) if content.startswith(b"{") else content


def test_charset_of_a_read_is_ignored() -> None:
    statuses = {codec: call("GET", "/healthz?x=%E9", CONTENT_TYPE=f"a/b; charset={codec}")[0] for codec in CODECS}

    assert statuses == dict.fromkeys(CODECS, 200)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nope", 404), ("/docs", 200), ("/static/admin/css/base.css", 200), ("/admin/nope", 302), ("/goals", 401)],
)
def test_charset_is_ignored_on_every_path(path: str, status: int) -> None:
    assert call("GET", f"{path}?x=%E9", CONTENT_TYPE="a/b; charset=hex")[0] == status


def test_form_is_utf_8_whatever_it_says(viewer: User) -> None:
    form = f"socket_id=1.2&channel_name=private-user@{viewer.pk}&more=caf%E9\xff".encode("latin-1")
    token = f"Bearer {issue_access(viewer)}"

    for codec in CODECS:
        kind = f"{FORM}; charset={codec}"
        status, _body = call("POST", "/pusher/auth", body=form, CONTENT_TYPE=kind, HTTP_AUTHORIZATION=token)
        assert status == HTTPStatus.OK, codec


@pytest.mark.parametrize("media_type", ["application/json", FORM, "multipart/form-data", "a/b"])
@pytest.mark.parametrize(
    "parameter",
    ["x*=idna''caf%E9", "x*=undefined''a", "x*=nope''a", f"x*{HUGE}=a", "boundary*=hex''a"],
    ids=["idna", "undefined", "unknown", "huge number", "not for text"],
)
def test_type_with_odd_parameters_is_refused(media_type: str, parameter: str) -> None:
    kind = f"{media_type}; {parameter}"

    assert call("GET", "/healthz", CONTENT_TYPE=kind)[0] == HTTPStatus.OK
    status, problem = call("POST", "/auth/token", body=b"{}", CONTENT_TYPE=kind)
    understood = media_type == "application/json" and parameter.startswith("boundary")  # JSON has no boundary to read
    assert (status, problem["code"]) == ((400, "invalid") if understood else (415, "unsupported_media_type"))


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json, a/b;q*=idna''caf%E9", 200),
        ("a/b;q*=undefined''x", 406),
        (f"application/json;x*{HUGE}=a", 406),
        ("application/json;q=nan", 200),
        (f"application/json;q={HUGE}", 200),
    ],
    ids=["one of two", "the only one", "huge number", "not a number", "huge quality"],
)
def test_wish_that_cannot_be_read_is_ignored(accept: str, status: int) -> None:
    assert call("GET", "/healthz", HTTP_ACCEPT=accept)[0] == status
