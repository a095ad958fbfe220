"""Members of staff who sign in to the admin."""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import Group, User

from tests.browser.chromium import Chromium, Page
from tests.browser.site import Site, wait_until

PASSWORD = "a long password"
PATH = "location.pathname"


def create_staff(username: str, *, group: str = "") -> User:
    """Create a member of the group, or a superuser if no group is given."""
    # The server does not know the hasher of the tests.
    password = make_password(PASSWORD, hasher=PBKDF2PasswordHasher())
    user = User.objects.create(username=username, password=password, is_staff=True, is_superuser=not group)
    if group:
        migration: Any = import_module("desk.migrations.0001_groups")
        migration.create(apps, None)  # each test begins with an empty database
        user.groups.add(Group.objects.get(name=group))
    return user


def open_front_page(site: Site, chromium: Chromium, username: str) -> Page:
    """Sign in to the admin with the keyboard, and return its front page."""
    page = chromium.open(f"{site.api.base_url}/admin/login/")
    page.resize(1400, 1000)
    page.evaluate("document.querySelector('[name=username]').focus()")
    page.type(username)
    page.press("Tab")
    page.type(PASSWORD)
    page.press("Enter")
    wait_until(lambda: "/login/" not in str(page.evaluate(PATH)))
    assert page.evaluate(PATH) == "/admin/"
    page.await_load()
    return page
