"""A client for the tests' own URLs, and a user with a token."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from rest_framework.test import APIClient

from api.authentication import issue_access
from tests.config.production import without_vendors
from tests.crash.server import KillableServer

PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def _test_urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.api.urls"


@pytest.fixture
def client() -> APIClient:
    """A client without credentials. An exception becomes a response instead of being raised."""
    return APIClient(raise_request_exception=False)


@pytest.fixture
def user(db: None) -> User:
    """A user with a password."""
    return User.objects.create_user("mei", password=PASSWORD)


@pytest.fixture
def bearer(user: User) -> dict[str, str]:
    """The headers of a signed-in user."""
    return {"Authorization": f"Bearer {issue_access(user)}"}


@pytest.fixture
def post(client: APIClient) -> Callable[..., Any]:
    """Post bytes unchanged: `post(path, body, content_type=..., **headers)`."""

    def send(path: str, body: bytes, content_type: str = "application/json", **headers: str) -> Any:
        return client.generic(
            "POST",
            path,
            body,  # type: ignore[arg-type]  # the stubs say str, but bytes work as well
            content_type=content_type,
            headers=headers,
        )

    return send


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    """The port of a server that runs as in production, with no DJANGO_SETTINGS_MODULE in its environment."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment |= without_vendors() | {"MONGODB_NAME": connection.settings_dict["NAME"]}
    server = KillableServer(environment)
    server.start()
    yield urlsplit(server.url).port or 0
    server.close()
