"""A system check demands that every view says who may call it."""

from collections.abc import Iterator

import pytest
from django.core.checks import Error

from api.access import OWNER, SIGNED_IN, Role, check_access
from tests.api import views


@pytest.fixture(autouse=True)
def _access_as_it_was() -> Iterator[None]:
    before = views.Private.access
    yield
    views.Private.access = before


def test_views_say_who_may_call_them() -> None:
    assert check_access() == []


@pytest.mark.parametrize(
    ("access", "wrong"),
    [
        ({"get": (SIGNED_IN,)}, ["post"]),
        ({"get": (SIGNED_IN,), "post": (SIGNED_IN,), "delete": (OWNER,)}, ["delete"]),
        ({}, ["get", "post"]),
    ],
)
def test_call_without_access_is_found(access: dict[str, tuple[Role, ...]], wrong: list[str]) -> None:
    views.Private.access = access

    (error,) = check_access()
    assert error == Error(f"tests.api.views.Private: {', '.join(wrong)}.", hint=error.hint, id="api.E006")
