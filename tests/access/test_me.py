"""`GET /me`: the account that the token belongs to."""

import pytest
from django.contrib.auth.models import User

from tests.factories.client import ApiClient
from tests.factories.people import UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_staff", [False, True])
def test_me_is_the_caller(is_staff: bool) -> None:  # noqa: FBT001
    user: User = UserFactory(is_staff=is_staff)
    answer = ApiClient(user).get("/me")
    assert (answer.status, answer.body) == (
        200,
        {"id": str(user.pk), "username": user.username, "is_staff": is_staff},
    )


def test_me_needs_a_token() -> None:
    assert ApiClient().get("/me").problem == (401, "not_authenticated", [])
