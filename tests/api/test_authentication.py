import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from bson import ObjectId
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from api.authentication import issue_access
from api.tokens import Kind
from config import clock
from config.keys import key_for
from mongodb.deadlines import REQUEST_SECONDS
from tests.factories.profiler import profiled
from tests.factories.tokens import refresh_token

pytestmark = pytest.mark.django_db

HUGE_NUMBER = f'{{"alg": {"1" * 5000}}}'


def segment(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def forged(user: User, *, key: str = "", algorithm: str = "HS256", **changes: Any) -> str:
    """Return an access token with another key, another algorithm or other claims. None removes a claim."""
    expiry = datetime.now(UTC) + timedelta(minutes=5)
    claims = {"token_type": "access", "exp": expiry, "jti": "1", "aud": "api", "user_id": str(user.pk), **changes}
    present = {name: value for name, value in claims.items() if value is not None}
    headers = {"typ": "stream+jwt"} if claims["aud"] == "stream" else None
    signed_with = "" if algorithm == "none" else key or key_for(Kind.ACCESS.purpose)
    return jwt.encode(present, signed_with, algorithm=algorithm, headers=headers)


def test_good_token_costs_one_query(client: APIClient, user: User) -> None:
    token = issue_access(user)

    with profiled() as profile:
        response = client.get("/private", headers={"Authorization": f"bearer  {token}"})

    assert response.json() == {"user_id": str(user.pk)}
    assert [query.collection for query in profile.queries] == ["auth_user"]


@pytest.mark.parametrize("hours", [1, -1])
def test_token_is_good_on_a_host_whose_clock_is_wrong(client: APIClient, user: User, hours: int) -> None:
    clock.set_lead(time.time() - clock.steady_seconds())
    token = issue_access(user)

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)):
        response = client.get("/private", headers={"Authorization": f"Bearer {token}"})
        expired = client.get("/private", headers={"Authorization": f"Bearer {forged(user, exp=int(time.time()))}"})
    assert response.json() == {"user_id": str(user.pk)}
    assert expired.status_code == (200 if hours > 0 else 401)


def test_token_expires_after_its_lifetime(user: User) -> None:
    token = issue_access(user, lifetime=timedelta(hours=24))

    claims = jwt.decode(token, key_for(Kind.ACCESS.purpose), algorithms=["HS256"], audience="api")
    assert claims["exp"] - claims["iat"] == 24 * 3600


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"exp": datetime.now(UTC) - timedelta(seconds=6)}, id="expired"),
        {"exp": None},
        {"exp": 10**30},
        {"exp": -1},
        {"exp": -(10**30)},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": "soon"},
        {"exp": [10**10]},
        {"exp": True},
        {"iat": 10**30},
        {"iat": "x"},
        {"nbf": 10**30},
        {"nbf": {}},
        {"jti": "1", "sub": 7},
        {"aud": "stream"},
        {"aud": ["stream"]},
        {"aud": {"api": 1}},
        {"aud": None},
        {"token_type": "refresh"},
        {"token_type": None},
        {"jti": None},
        {"user_id": None},
        {"user_id": "7"},
        {"user_id": 7},
        {"user_id": {"$ne": ""}},
        pytest.param({"user_id": str(ObjectId())}, id="nobody's user_id"),
        {"key": "another key, as long as a key must be at the least"},
        {"algorithm": "none"},
        {"algorithm": "HS384"},
    ],
    ids=str,
)
def test_wrong_token_is_401(client: APIClient, user: User, changes: dict[str, Any]) -> None:
    token = forged(user, **changes)

    assert_refused(client.get("/private", headers={"Authorization": f"Bearer {token}"}))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer ...",
        "Bearer \u00e9",
        "Basic bWVpOnNlY3JldA==",
        f"Bearer {segment('[]')}.{segment('{}')}.x",
        f"Bearer {segment('[' * 5000)}.{segment('{}')}.x",
        f"Bearer {segment(HUGE_NUMBER)}.{segment('{}')}.x",
    ],
    ids=lambda header: str(header)[:20],
)
def test_wrong_header_is_401(client: APIClient, header: str | None) -> None:
    assert_refused(client.get("/private", headers={} if header is None else {"Authorization": header}))


def test_refresh_token_is_no_access_token(client: APIClient, user: User) -> None:
    refresh = refresh_token(user)

    assert_refused(client.get("/private", headers={"Authorization": f"Bearer {refresh}"}))


def test_inactive_user_is_401(client: APIClient, user: User, bearer: dict[str, str]) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert_refused(client.get("/private", headers=bearer))


def test_session_cookie_is_ignored(client: APIClient, user: User) -> None:
    client.force_login(user)

    assert_refused(client.get("/private"))


def test_mongodb_away_is_503_not_401(
    client: APIClient, bearer: dict[str, str], fail_command: Callable[..., None]
) -> None:
    fail_command("find", "aggregate", times=10_000, closeConnection=True)  # a read is retried until the deadline

    response = client.get("/private", headers=bearer, ARRIVED_AT=time.monotonic() - REQUEST_SECONDS + 0.5)

    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (503, "unavailable", "10")


def test_request_that_has_waited_too_long_is_503(client: APIClient, bearer: dict[str, str]) -> None:
    response = client.get("/private", headers=bearer, ARRIVED_AT=time.monotonic() - REQUEST_SECONDS)

    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (503, "unavailable", "10")


def assert_refused(response: Any) -> None:
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
