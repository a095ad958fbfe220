from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from api.authentication import issue_access
from tests.api.conftest import PASSWORD
from tests.factories.tokens import refresh_token

pytestmark = pytest.mark.django_db


def whoami(client: APIClient, access: str) -> Any:
    return client.get("/private", headers={"Authorization": f"Bearer {access}"}).json()


def test_credentials_give_a_pair_of_tokens(client: APIClient, user: User) -> None:
    response = client.post("/auth/token", {"username": "mei", "password": PASSWORD}, format="json")

    assert (response.status_code, sorted(response.json())) == (200, ["access", "refresh"])
    assert response["Cache-Control"] == "no-store"
    assert whoami(client, response.json()["access"]) == {"user_id": str(user.pk)}


@pytest.mark.parametrize(("username", "password"), [("mei", "wrong"), ("nobody", PASSWORD), ("MEI", PASSWORD)])
@pytest.mark.usefixtures("user")
def test_wrong_credentials_are_401(client: APIClient, username: str, password: str) -> None:
    response = client.post("/auth/token", {"username": username, "password": password}, format="json")

    assert (response.status_code, response.json()["code"]) == (401, "invalid_credentials")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_inactive_user_gets_no_token(client: APIClient, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)

    response = client.post("/auth/token", {"username": "mei", "password": PASSWORD}, format="json")

    assert (response.status_code, response.json()["code"]) == (401, "invalid_credentials")


def test_incomplete_credentials_are_invalid(client: APIClient) -> None:
    response = client.post("/auth/token", {"username": 7, "remember": True}, format="json")

    faults = {error["pointer"]: error["code"] for error in response.json()["errors"]}
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert faults == {"/username": "invalid_type", "/password": "required", "/remember": "unknown_field"}


def test_refresh_token_gives_new_tokens(client: APIClient, user: User) -> None:
    refresh = refresh_token(user)

    response = client.post("/auth/token/refresh", {"refresh": refresh}, format="json")

    assert (response.status_code, sorted(response.json())) == (200, ["access", "refresh"])
    assert whoami(client, response.json()["access"]) == {"user_id": str(user.pk)}


def test_access_token_refreshes_nothing(client: APIClient, user: User) -> None:
    response = client.post("/auth/token/refresh", {"refresh": issue_access(user)}, format="json")

    assert_refused(response)


def test_inactive_user_refreshes_nothing(client: APIClient, user: User) -> None:
    refresh = refresh_token(user)
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert_refused(client.post("/auth/token/refresh", {"refresh": refresh}, format="json"))


@pytest.mark.parametrize("refresh", ["x", "a.b.c", "\u4e2d.\u4e2d.\u4e2d"])
def test_nonsense_refreshes_nothing(client: APIClient, refresh: str) -> None:
    assert_refused(client.post("/auth/token/refresh", {"refresh": refresh}, format="json"))


def assert_refused(response: Any) -> None:
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
