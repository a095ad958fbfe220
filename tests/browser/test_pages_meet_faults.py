"""Faults while a streamer or a payer looks at a page. The page names each fault in words, and recovers from it."""

import time

import pytest

from tests.browser.pages_site import PagesSite, Screen
from tests.browser.partner_site import Gateway

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.long,
    pytest.mark.django_db,
]

LEAVES_WITHIN_SECONDS = 1.0
AWAY = "The live connection is broken. Checking for updates instead."


def test_offline_at_start(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    screen = pages.open(f"/watch/{show.goal_id}")
    screen.page.set_offline(True)
    screen.sign_in(pages.site.shown["viewers"][0]["username"], pages.password)
    screen.await_text("sign-in-error", "The server cannot be reached. Are you offline?")

    screen.page.set_offline(False)
    screen.click("#sign-in .primary")

    screen.await_text("state", "Waiting")


def test_script_has_not_come_yet(pages: PagesSite) -> None:
    """Until the script runs, the form must not be sent: the browser would show the API's error as JSON."""
    screen = Screen(pages.chromium.open("about:blank"))
    screen.page.turn_off_scripts()
    screen.page.load(f"{pages.site.api.base_url}/watch/6543210fedcba9876543210f")
    for name in ("username", "password"):
        screen.page.evaluate(f"document.querySelector('[name={name}]').focus()")
        screen.page.type("mei")
    screen.page.press("Enter")
    screen.click("#sign-in .primary")

    time.sleep(LEAVES_WITHIN_SECONDS)
    assert "Sign in" in screen.sees("sign-in")


def test_asleep_over_start_and_end(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600, lasts_seconds=4)
    streamers, payers = pages.perform(show.goal_id), pages.watch(show.goal_id)
    for screen in (streamers, payers):
        screen.await_text("state", "Waiting")
        screen.await_text("connection", "Connected.")

    began = time.monotonic()
    for screen in (streamers, payers):
        screen.page.freeze()
    pages.site.sockets.go_away()
    pages.site.move_show(show, starts_in_seconds=1)
    pages.site.await_status(show, "ended")
    pages.site.sockets.come_back()
    for screen in (streamers, payers):
        screen.page.evaluate(f"sleptMs += {1000 * (time.monotonic() - began)}")
        screen.page.thaw()

    for screen in (streamers, payers):
        screen.await_text("reason", "The show is over.")
        assert screen.seen("state", "clock") == ("Over", "")
    assert payers.sees("identity") == ""


def test_two_tabs_of_a_payer(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=2)
    first, second = pages.watch(show.goal_id), pages.watch(show.goal_id)

    for screen in (first, second):
        screen.await_text("state", "Live")

    assert first.sees("user") != second.sees("user")


def test_pusher_away(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=12)
    streamers, payers = pages.perform(show.goal_id), pages.watch(show.goal_id)
    for screen in (streamers, payers):
        screen.await_text("connection", "Connected.")

    pages.site.sockets.go_away()

    for screen in (streamers, payers):
        screen.await_text("connection", AWAY)
        screen.await_text("state", "Live")
    streamers.await_text("told", "Everybody was told.")
    pages.site.sockets.come_back()
    for screen in (streamers, payers):
        screen.await_text("connection", "Connected.")


def test_api_503_while_the_page_opens(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    with Gateway("") as gateway:
        gateway.api = pages.site.api.base_url
        screen = pages.open(f"/shows/{show.goal_id}", base=f"http://{gateway.address}")
        streamer = pages.site.shown["streamer"]
        gateway.refuse(503, "unavailable", times=1)
        screen.sign_in(streamer["username"], pages.password)
        screen.await_text("sign-in-error", "The server cannot answer at the moment. Please try again.")

        screen.sign_in(streamer["username"], pages.password)

        screen.await_text("state", "Waiting")


@pytest.mark.parametrize("skew_seconds", [3600, -3600])
def test_clock_wrong_by_an_hour(pages: PagesSite, skew_seconds: int) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    streamers, payers = (
        opened(show.goal_id, f"?skewMs={skew_seconds * 1000}") for opened in (pages.perform, pages.watch)
    )
    for screen in (streamers, payers):
        screen.await_text("state", "Waiting")
        screen.await_countdown(lambda: show.nbf)
    show = pages.site.move_show(show, starts_in_seconds=3)
    for screen in (streamers, payers):
        screen.await_text("state", "Live")
        screen.await_countdown(lambda: pages.site.access_exp(show))
