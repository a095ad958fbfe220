"""In the admin, staff can end all tokens of a user."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from api.chosen import MOST_AT_ONCE
from tests.factories.documents import stored
from tests.factories.people import StaffFactory

pytestmark = pytest.mark.django_db


def act(boss: User, *users: User) -> Any:
    browser = Client()
    browser.force_login(boss)
    body = {"action": "sign_out", "_selected_action": [str(user.pk) for user in users]}
    return browser.post("/admin/auth/user/", body, follow=True)


@pytest.fixture(autouse=True)
def _urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"


def test_staff_sign_users_out_everywhere(user: User) -> None:
    boss = StaffFactory(permissions=("change_user", "view_user"))

    page = act(boss, user).content.decode()

    assert "Users who were signed out: 1" in page
    assert stored("accounts") == [{"_id": user.pk, "epoch": 1}]
    assert [(entry["action"], entry["by_id"]) for entry in stored("change_records")] == [
        ("sign_out_everywhere", str(boss.pk))
    ]


def test_staff_who_may_only_look_sign_nobody_out(user: User) -> None:
    act(StaffFactory(permissions=("view_user",)), user)

    assert stored("accounts") == []


@pytest.mark.parametrize(
    ("more", "expected"), [(0, "Users who were signed out: 50"), (1, "at most 50 rows at once. Nothing was done.")]
)
def test_no_more_users_are_signed_out_than_a_page_shows(user: User, more: int, expected: str) -> None:
    boss = StaffFactory(permissions=("change_user", "view_user"))
    User.objects.bulk_create(User(username=f"person {number}") for number in range(MOST_AT_ONCE - 1 + more))
    browser = Client()
    browser.force_login(boss)

    form = {"action": "sign_out", "select_across": "1", "_selected_action": [str(user.pk)]}
    page = browser.post("/admin/auth/user/?is_staff__exact=0", form, follow=True)

    assert expected in page.content.decode()
    assert len(stored("accounts")) == (0 if more else MOST_AT_ONCE)
