"""The streamer's page in a real browser: the whole life of a show, by the buttons of the page."""

import pytest

from tests.browser.pages_site import PagesSite, Screen
from tests.browser.site import wait_until

pytestmark = [pytest.mark.needs("chromium", "npm"), pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db]

PAYERS = 250
COUNTS = ("viewers", "delivered-count", "received-count", "fetched-count", "told")


@pytest.mark.parametrize("pages", [PAYERS], indirect=True)
def test_streamer_runs_a_show(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=8)
    screen = pages.perform(show.goal_id)

    screen.await_text("connection", "Connected.")
    assert screen.seen("session", "title", "state") == (
        f"Session of {pages.site.shown['streamer']['username']}",
        "Proceed",
        "Waiting",
    )
    assert screen.buttons() == ["+5 min", "+10 min", "+20 min", "Cancel the show ..."]
    screen.await_text("told", "They are told when the show starts.")
    assert screen.seen(*COUNTS[:2]) == ("250", "0 of 250")

    screen.await_text("state", "Live")
    screen.await_text("told", "Everybody was told.")
    assert screen.seen(*COUNTS) == ("250", "250 of 250", "0 of 250", "0 of 250", "Everybody was told.")
    screen.await_text("light", "The show is being recorded.")
    assert screen.buttons() == ["I have begun", "+5 min", "+10 min", "+20 min", "End the show ...", "Send again"]
    screen.click("#send-again")
    screen.await_text("answer", "There is nothing to send again: everybody was told.")

    begin_extend_and_end(screen)

    assert screen.sees("reason") == "The show was ended before its time."
    screen.await_part("steps", "The show ended.")
    assert (screen.seen("clock", "until"), screen.buttons()) == (("", ""), [])


def begin_extend_and_end(screen: Screen) -> None:
    screen.click("#begin")
    screen.await_text("answer", "You have begun. Your payers have the whole time from now on.")
    screen.await_text("reason", "You have begun.")
    screen.await_part("late", "your payers have their whole time until")

    left = seconds_left(screen)
    screen.click("[data-minutes='5']")
    screen.await_part("answer", "The show lasts 5 minutes longer.")
    wait_until(lambda: seconds_left(screen) > left + 280)
    assert seconds_left(screen) > left + 280
    screen.click("#end")
    screen.click("#ask-yes")
    screen.await_text("state", "Over")


def test_streamer_cancels_and_brings_back(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    screen = pages.perform(show.goal_id)
    screen.await_text("state", "Waiting")
    screen.await_text("viewers", "2")

    screen.click("#cancel")
    assert screen.seen("ask-title", "ask-text") == (
        "Cancel the show?",
        "2 payers will be told that it is off. You can bring it back for a while.",
    )
    screen.click("#ask button[value=no]")
    assert screen.sees("state") == "Waiting"
    screen.click("#cancel")
    screen.click("#ask-yes")
    screen.await_text("state", "Cancelled")
    screen.await_text("answer", "The show was cancelled. Your payers will hear of it.")
    assert screen.buttons() == ["5 min", "10 min", "20 min"]
    screen.click("[data-minutes='10']")
    screen.await_text("state", "Waiting")
    left = seconds_left(screen)
    assert 590 <= left <= 601
    screen.click("[data-minutes='20']")
    wait_until(lambda: seconds_left(screen) > left + 1000)
    assert 1790 <= seconds_left(screen) <= 1801


def test_page_says_who_may_see_it(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    screen = pages.open(f"/shows/{show.goal_id}")
    assert screen.page.evaluate("document.cookie") == ""

    screen.sign_in(pages.site.shown["streamer"]["username"], "wrong")
    screen.await_text("sign-in-error", "The user name or the password is wrong.")
    screen.sign_in(pages.site.elsewhere["streamer"]["username"], pages.password)
    screen.await_part("lost", "There is no such show, or it belongs to somebody else.")
    screen.click("#other-account")
    wait_until(lambda: screen.sees("lost") == "")
    screen.sign_in(pages.site.shown["streamer"]["username"], pages.password)
    screen.await_text("state", "Waiting")
    stored = screen.page.evaluate("[document.cookie, JSON.stringify(localStorage), sessionStorage.length]")
    # pusher-js may keep how it has connected. No token is kept: each begins with these letters.
    assert ("eyJ" in stored[1], stored[0], stored[2]) == (False, "", 0)
    screen.click("#sign-out")
    screen.await_part("sign-in", "Sign in to run your show.")


def seconds_left(screen: Screen) -> int:
    """Return what the clock shows, in seconds."""
    shown = screen.sees("left")
    return sum(int(part) * 60**index for index, part in enumerate(reversed(shown.split(":")))) if shown else 0
