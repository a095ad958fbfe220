"""The page of the OpenAPI document works in a real browser, under its Content-Security-Policy."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from api.openapi.document import document
from tests.browser.chromium import Chromium, Page
from tests.crash.server import KillableServer

pytestmark = [pytest.mark.django_db, pytest.mark.needs("chromium"), pytest.mark.slow]

WITHIN_SECONDS = 20.0
SHOWN = "[...document.querySelectorAll('.opblock-summary-path')].map((each) => each.dataset.path)"


@pytest.fixture
def server(child_environment: dict[str, str]) -> Iterator[KillableServer]:
    server = KillableServer(child_environment)
    server.start()
    yield server
    server.close()


def test_docs_page_shows_every_operation_and_every_event(chromium: Chromium, server: KillableServer) -> None:
    page = chromium.open(f"{server.url}/docs")
    made = document()
    operations = [path for path, item in made["paths"].items() for _method in item]

    shown = await_rows(page, len(operations) + len(made["webhooks"]))

    assert sorted(shown) == sorted([*operations, *made["webhooks"]])
    assert page.evaluate("document.querySelector('.btn.authorize') !== null")


def await_rows(page: Page, count: int) -> list[Any]:
    """Wait until the page shows that number of paths, and return them."""
    give_up_at = time.monotonic() + WITHIN_SECONDS
    while len(shown := page.evaluate(SHOWN)) < count and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return list(shown)
