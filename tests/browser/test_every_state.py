"""axe-core finds no fault with the streamer's page and the payer's page in any state of a show."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.accessibility import findings
from tests.browser.every_state import State, View, Walk
from tests.browser.pages_site import PagesSite
from tests.browser.partner_site import Gateway

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.long,
    pytest.mark.django_db,
]

SCREENS = ((1400, 900), (390, 844))
SCHEMES = ("light", "dark")
# If the variable is set, the test writes screenshots of all states to this folder.
PICTURES = os.environ.get("PICTURES")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("walk", [Walk.sign_in, Walk.first_show, Walk.session_that_ends, Walk.show_to_its_end])
def test_every_state_is_accessible(pages: PagesSite, walk: Callable[[Walk], Iterator[State]]) -> None:
    found: list[str] = []
    with Gateway("") as gateway:
        gateway.api = pages.site.api.base_url
        for number, (state, views) in enumerate(walk(Walk(pages, gateway))):
            for view in views:
                for scheme in SCHEMES:
                    view.screen.page.prefer(scheme)
                    found += [f"{state}, {view.kind}, {scheme}: {each}" for each in findings(view.screen.page)]
                    take_pictures(view, f"{walk.__name__} {number:02} {state} {view.kind} {view.language} {scheme}")

    assert found == []


def take_pictures(view: View, name: str) -> None:
    if PICTURES is None:
        return
    page = view.screen.page
    for width, height in SCREENS:
        page.resize(width, height)
        tall = max(height, page.evaluate("document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": width, "height": tall, "scale": 1}
        data = page.picture("webp", quality=70, captureBeyondViewport=True, clip=clip)
        (Path(PICTURES) / f"{name} {width}.webp").write_bytes(data)
