"""Every way to change a user's password ends all of the user's tokens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.hashers import make_password
from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from django.test import Client
from pymongo.errors import PyMongoError
from rest_framework.test import APIClient

from api.authentication import issue_access
from api.known_users import known_users
from api.passwords import sign_in
from mongodb.transactions import run_in_transaction
from tests.api.conftest import PASSWORD
from tests.conftest import FailCommand
from tests.factories.documents import stored
from tests.factories.tokens import refresh_token

pytestmark = pytest.mark.django_db

NEW = "quite another password"


def by_set_password(user: User) -> None:
    user.set_password(NEW)
    user.save()


def by_hash(user: User) -> None:
    user.password = make_password(NEW)
    user.save(update_fields=["password"])


def by_unusable_password(user: User) -> None:
    user.set_unusable_password()
    user.save()


def by_form(user: User) -> None:
    form = AdminPasswordChangeForm(user, {"password1": NEW, "password2": NEW})
    assert form.is_valid()
    form.save()


def by_admin(user: User) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("boss"))
    body = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    assert browser.post(f"/admin/auth/user/{user.pk}/password/", body).status_code == 302


def by_admin_without_password(user: User) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("boss"))
    assert (
        browser.post(
            f"/admin/auth/user/{user.pk}/password/", {"usable_password": "false", "unset-password": ""}
        ).status_code
        == 302
    )


def by_own_form(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    browser = Client()
    browser.force_login(user)
    body = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert browser.post("/admin/password_change/", body).status_code == 302


def by_command(user: User) -> None:
    class Typing(changepassword.Command):
        def _get_pass(self, *_prompt: str) -> str:
            return NEW

    call_command(Typing(stdout=StringIO()), user.username)


def in_transaction(user: User) -> None:
    run_in_transaction(lambda: by_set_password(user))


CHANGES = [
    by_set_password,
    by_hash,
    by_form,
    by_admin,
    by_admin_without_password,
    by_own_form,
    by_command,
    in_transaction,
    by_unusable_password,
]


def ends_tokens(client: APIClient, user: User, change: Callable[[User], object]) -> list[int]:
    """Make the change. Return the statuses of requests with an access token and a refresh token issued before it."""
    access, refresh = issue_access(user), refresh_token(user)
    change(user)
    known_users.forget()
    return [
        client.get("/me", headers={"Authorization": f"Bearer {access}"}).status_code,
        client.post("/auth/token/refresh", {"refresh": refresh}, format="json").status_code,
    ]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changed_password_ends_all_tokens(
    client: APIClient, user: User, settings: Any, change: Callable[[User], object]
) -> None:
    settings.ROOT_URLCONF = "config.urls"

    assert ends_tokens(client, user, change) == [401, 401]
    assert stored("accounts") == [{"_id": user.pk, "epoch": 1}]


@pytest.mark.parametrize(
    "change",
    [
        lambda user: user.check_password(PASSWORD),
        lambda user: user.save(),
        lambda user: user.save(update_fields=["last_login"]),
    ],
    ids=["check", "save", "login"],
)
def test_other_changes_end_nothing(client: APIClient, user: User, change: Callable[[User], object]) -> None:
    assert ends_tokens(client, user, change) == [200, 200]
    assert stored("accounts") == []


def test_new_user_has_no_account_document() -> None:
    User.objects.create_user("new", password=PASSWORD)

    assert stored("accounts") == []


def test_password_and_epoch_change_together_or_not_at_all(user: User, fail_command: FailCommand) -> None:
    before = stored("auth_user")
    fail_command("commitTransaction", errorCode=20)

    with pytest.raises(PyMongoError):
        by_set_password(user)

    assert (stored("auth_user"), stored("accounts")) == (before, [])


def test_old_password_signs_in_to_the_old_epoch(user: User) -> None:
    """During the change, a sign-in with the old password gets tokens of epoch 0. They are invalid after the change."""
    with ThreadPoolExecutor(4) as pool:
        signing_in = [pool.submit(in_thread, lambda: sign_in(None, "mei", PASSWORD)) for _ in range(8)]
        changing = pool.submit(in_thread, lambda: by_set_password(User.objects.get(pk=user.pk)))
        changing.result()
        found = [each.result() for each in signing_in]

    assert {each.epoch for each in found if each is not None} <= {0}
    assert sign_in(None, "mei", NEW).epoch == 1  # type: ignore[union-attr]


def in_thread(call: Callable[[], Any]) -> Any:
    try:
        return call()
    finally:
        connections.close_all()
