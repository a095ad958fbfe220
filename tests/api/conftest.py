"""A client of the test-only urls, and a user with a token."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from api.authentication import issue_access

PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def _test_urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.api.urls"


@pytest.fixture
def client() -> APIClient:
    """Speak JSON without credentials; errors are answered, not raised."""
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
    """Post bytes as they are: `post(path, body, content_type=..., **headers)`."""

    def send(path: str, body: bytes, content_type: str = "application/json", **headers: str) -> Any:
        return client.generic(
            "POST",
            path,
            body,  # type: ignore[arg-type]  # the stubs say str, the code takes bytes too
            content_type=content_type,
            headers=headers,
        )

    return send
