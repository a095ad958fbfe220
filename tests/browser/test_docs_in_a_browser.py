"""The page `/docs` works in a real browser, under its Content-Security-Policy."""

import time
from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User

from api.openapi.document import document
from tests.browser.chromium import Chromium, Page
from tests.crash.server import KillableServer

pytestmark = [pytest.mark.django_db, pytest.mark.needs("chromium"), pytest.mark.slow]

WITHIN_SECONDS = 20.0
SHOWN = "[...document.querySelectorAll('.call')].filter((each) => !each.hidden).map((each) => each.id)"
# The height of each call while only this call is open, and everything inside it is closed.
HEIGHTS = """
[...document.querySelectorAll('.call')].map((each) => {
  each.open = true;
  const height = each.offsetHeight;
  each.open = false;
  return [each.id, height];
})
"""
SCREENS = ((390, 844), (1280, 800))


@pytest.fixture
def server(child_environment: dict[str, str]) -> Iterator[KillableServer]:
    server = KillableServer(child_environment)
    server.start()
    yield server
    server.close()


@pytest.fixture
def page(chromium: Chromium, server: KillableServer) -> Page:
    return chromium.open(f"{server.url}/docs")


def test_docs_page_shows_every_operation_and_every_event(page: Page) -> None:
    made = document()
    items = (*made["paths"].values(), *made["webhooks"].values())

    assert sorted(page.evaluate(SHOWN)) == sorted(each["operationId"] for item in items for each in item.values())
    assert page.evaluate("[...document.querySelectorAll('.event + code')].map((each) => each.textContent)") == [
        *made["webhooks"]
    ]
    page.evaluate("search.value = 'Channel_name'; search.dispatchEvent(new Event('input'))")
    assert page.evaluate(SHOWN) == ["authorizeChannel"]


def test_docs_page_fits_small_and_large_screens(page: Page) -> None:
    for width, height in SCREENS:
        page.resize(width, height)
        page.load(page.evaluate("location.href"))
        assert {name: tall for name, tall in page.evaluate(HEIGHTS) if tall > 2 * height} == {}
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_docs_page_tries_calls(page: Page) -> None:
    # The server does not know the hasher of the tests.
    User.objects.create(username="mei", password=make_password("a long password", hasher=PBKDF2PasswordHasher()))

    assert '"access"' in tried(page, "signIn")  # the example's name and password
    assert tried(page, "getMe").startswith("200\n")
    assert "mei" in tried(page, "getMe")


def tried(page: Page, operation_id: str) -> str:
    """Send the call as the page offers it, and return what the page then shows."""
    attempt = f"document.querySelector('#{operation_id} .try')"
    page.evaluate(f"{attempt}.querySelector('form').requestSubmit()")
    give_up_at = time.monotonic() + WITHIN_SECONDS
    while (shown := page.evaluate(f"{attempt}.querySelector('pre').textContent")) == "...":
        assert time.monotonic() < give_up_at, "no answer"
        time.sleep(0.05)
    return str(shown)
