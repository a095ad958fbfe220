from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b'{"a": 1, "b": [1.5, true, null, "\xe4\xb8\xad"]}', {"a": 1, "b": [1.5, True, None, "\u4e2d"]}),
        (rb'{"a": "\u4e2d\ud83d\ude00"}', {"a": "\u4e2d\U0001f600"}),
        (rb'{"a": "\\u0000"}', {"a": "\\u0000"}),
        (b"", {}),
        (b"[1]", [1]),
    ],
)
def test_json_is_parsed(post: Callable[..., Any], body: bytes, data: Any) -> None:
    assert post("/echo", body).json() == {"data": data}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b" ",
        b"a=1",
        b'{"a": 1} x',
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": 1, "a": 2}',
        b'{"b": [{"a": 1, "a": 1}]}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\x00"}',
        rb'{"a": "\u0000"}',
        rb'{"\u0000": 1}',
        rb'{"a": ["\ud800"]}',
        rb'{"\udfff": 1}',
        nested(21),
        b"[" * 21 + b"]" * 21,
        b"[" * 500_000,
        b'{"a":' * 150_000,
    ],
)
def test_body_other_than_json_is_malformed(post: Callable[..., Any], body: bytes) -> None:
    response = post("/echo", body)

    assert (response.status_code, response.json()["code"]) == (400, "malformed_json")


def test_nesting_up_to_the_limit_is_parsed(post: Callable[..., Any]) -> None:
    assert post("/echo", nested(20)).status_code == 200


def test_body_up_to_the_limit_is_parsed(post: Callable[..., Any], settings: Any) -> None:
    body = b'{"a": "' + b"x" * (settings.MAX_BODY_BYTES - 9) + b'"}'

    assert len(body) == settings.MAX_BODY_BYTES
    assert post("/echo", body).status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_larger_body_is_413_before_415(post: Callable[..., Any], settings: Any, content_type: str) -> None:
    response = post("/echo", b"x" * (settings.MAX_BODY_BYTES + 1), content_type)

    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_other_media_type_is_415_before_malformed(post: Callable[..., Any], content_type: str) -> None:
    response = post("/echo", b"{", content_type)

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_media_type_may_have_parameters(post: Callable[..., Any]) -> None:
    assert post("/echo", b'{"a": 1}', "Application/JSON; charset=utf-8").json() == {"data": {"a": 1}}


def test_chunked_body_without_length_is_411(client: APIClient) -> None:
    response = client.post("/echo", headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH="")

    assert (response.status_code, response.json()["code"]) == (411, "length_required")


@pytest.mark.django_db
def test_401_comes_before_413(post: Callable[..., Any], settings: Any, bearer: dict[str, str]) -> None:
    body = b"x" * (settings.MAX_BODY_BYTES + 1)

    codes = [post("/private", body, **headers).json()["code"] for headers in ({}, bearer)]

    assert codes == ["not_authenticated", "payload_too_large"]
