"""Every POST refuses callers without a token, and bodies that are not JSON, before it checks the fields."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from goals.models import Goal
from sessions_app.models import Session
from tests.factories.bodies import funding_body, show_body
from tests.factories.client import ApiClient
from tests.factories.goals import ShowFundingGoalFactory
from tests.factories.tokens import REFUSED
from tests.showgoals.faults import refusal, refusal_of

MEBIBYTE = 1024 * 1024
GoodRequest = tuple[str, dict[str, Any]]


@pytest.fixture(params=["show", "show-funding", "contributions", "sessions"])
def good(request: pytest.FixtureRequest, session: Session, closed_goal: Goal) -> GoodRequest:
    """A path, and a body that a POST to the path accepts."""
    match request.param:
        case "show":
            return "/goals?type=show", show_body(closed_goal)
        case "show-funding":
            return "/goals?type=show-funding", funding_body(session)
        case "contributions":
            return f"/goals/{ShowFundingGoalFactory().pk}/contributions", {"amount": 5}
        case _:
            return "/sessions", {"title": "Evening stream"}


def refused_bytes(client: ApiClient, path: str, body: bytes, content_type: str = "application/json") -> Any:
    return refusal_of(lambda: client.post_bytes(path, body, content_type=content_type, idempotency_key="1"))


@pytest.mark.parametrize("authorization", REFUSED.values(), ids=REFUSED)
def test_caller_without_a_good_token_is_401(
    good: GoodRequest, streamer: User, authorization: Callable[[User], str]
) -> None:
    client = ApiClient(authorization=authorization(streamer))
    assert refusal(client, *good, idempotency_key="1") == (401, "not_authenticated", [])


def test_inactive_caller_is_401(good: GoodRequest, streamer: User, streamer_client: ApiClient) -> None:
    User.objects.filter(pk=streamer.pk).update(is_active=False)
    assert refusal(streamer_client, *good, idempotency_key="1") == (401, "not_authenticated", [])


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"title=Evening",
        b"{'title': 'x'}",
        b'{"title": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"title": "\\u0000"}',
        b'{"title": "\\ud800"}',
        b'{"title": "\xff"}',
        "{}".encode("utf-16"),
        b"[" * 21 + b"]" * 21,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=["cut", "form", "quotes", "NaN", "twice", "NUL", "surrogate", "latin1", "utf16", "deep", "very deep"],
)
def test_body_that_is_no_json_is_malformed(good: GoodRequest, streamer_client: ApiClient, body: bytes) -> None:
    assert refused_bytes(streamer_client, good[0], body) == (400, "malformed_json", [])


def test_body_that_is_empty_lacks_every_field(good: GoodRequest, streamer_client: ApiClient) -> None:
    status, code, errors = refused_bytes(streamer_client, good[0], b"")
    assert (status, code, {code for _pointer, code in errors}) == (400, "invalid", {"required"})


def test_body_of_more_than_a_mebibyte_is_too_large(good: GoodRequest, streamer_client: ApiClient) -> None:
    path, body = good
    padded = json.dumps(body).encode().ljust(MEBIBYTE + 1)
    assert refused_bytes(streamer_client, path, padded) == (413, "payload_too_large", [])


def test_body_of_a_mebibyte_is_accepted(good: GoodRequest, streamer_client: ApiClient) -> None:
    path, body = good
    padded = json.dumps(body).encode().ljust(MEBIBYTE)
    assert streamer_client.post_bytes(path, padded, idempotency_key="1").status == 201


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_body_of_another_type_is_415(good: GoodRequest, streamer_client: ApiClient, content_type: str) -> None:
    path, body = good
    problem = refused_bytes(streamer_client, path, json.dumps(body).encode(), content_type)
    assert problem == (415, "unsupported_media_type", [])


def test_type_may_name_its_charset(good: GoodRequest, streamer_client: ApiClient) -> None:
    path, body = good
    answer = streamer_client.post_bytes(
        path, json.dumps(body).encode(), content_type="application/json; charset=utf-8", idempotency_key="1"
    )
    assert answer.status == 201
