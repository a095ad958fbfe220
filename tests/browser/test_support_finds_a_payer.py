"""A payer reads out the code on the payer's page. With this code, support finds the payer and the show in the admin."""

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User

from tests.browser.chromium import Page
from tests.browser.pages_site import PagesSite
from tests.browser.site import wait_until

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.long,
    pytest.mark.django_db,
]

PASSWORD = "a long password"


def test_support_finds_the_payer_by_the_code_of_the_page(pages: PagesSite) -> None:
    # The server does not know the hasher of the tests.
    password = make_password(PASSWORD, hasher=PBKDF2PasswordHasher())
    User.objects.create(username="support", password=password, is_staff=True, is_superuser=True)
    show = pages.site.create_show(starts_in_seconds=600)
    screen = pages.watch(show.goal_id)
    screen.await_text("state", "Waiting")
    screen.click("#help summary")
    screen.await_text("why", "The show has not started yet.")

    desk = pages.open("/admin/").page
    type_into(desk, "#id_username", "support")
    type_into(desk, "#id_password", PASSWORD)
    desk.press("Enter")
    await_element(desk, "#find-text")
    type_into(desk, "#find-text", screen.sees("code"))
    desk.press("Enter")

    await_element(desk, f"a[href*='{pages.site.shown['viewers'][0]['id']}']")
    found = desk.evaluate("document.querySelector('#content').innerText")
    assert pages.site.shown["viewers"][0]["username"] in found
    assert "Proceed" in found
    assert pages.site.shown["viewers"][1]["username"] not in found


def type_into(page: Page, field: str, text: str) -> None:
    page.evaluate(f"document.querySelector({field!r}).focus()")
    page.type(text)


def await_element(page: Page, selector: str) -> None:
    """Wait until the page, or the next page, has this element."""

    def is_there() -> bool:
        try:
            return bool(page.evaluate(f"document.querySelector({selector!r}) !== null"))
        except AssertionError:  # between two pages
            return False

    wait_until(is_there)
    assert is_there(), page.evaluate("document.body.innerText")
