"""The pages for people who use only a keyboard, and for people who use a screen reader."""

import pytest

from tests.browser.pages_site import PagesSite, Screen
from tests.browser.site import wait_until

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.long,
    pytest.mark.django_db,
]

MOVED = "The show was moved. It now starts at "
FOCUSED = "document.activeElement.id || document.activeElement.innerText"
# Records what a screen reader would read out: the new texts of elements with the role "status" or "alert".
RECORD = """
window.announced = [];
const live = "[role=status], [role=alert]";
new MutationObserver((changes) => {
  const elements = changes.map(({ target }) => (target.nodeType === 1 ? target : target.parentElement));
  const changed = new Set(elements.map((element) => element?.closest(live)));
  for (const each of changed) if (each?.innerText.trim()) announced.push(each.innerText.trim());
}).observe(document.body, { subtree: true, childList: true, characterData: true });
"""


def press(screen: Screen, *keys: str) -> None:
    for key in keys:
        screen.page.press(key)


def focused(screen: Screen) -> str:
    return str(screen.page.evaluate(FOCUSED))


def tab_to(screen: Screen, wanted: str) -> None:
    """Press Tab until `wanted` has the focus."""
    passed: list[str] = []
    while (name := focused(screen)) != wanted:
        assert len(passed) < 15, (wanted, passed)
        passed.append(name)
        screen.page.press("Tab")


def sign_in(screen: Screen, username: str, password: str) -> None:
    screen.page.evaluate("document.querySelector('[name=username]').focus()")
    screen.page.type(username)
    press(screen, "Tab")
    screen.page.type(password)
    press(screen, "Enter")


def test_streamer_commands_by_the_keyboard(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    screen = pages.open(f"/shows/{show.goal_id}")
    sign_in(screen, pages.site.shown["streamer"]["username"], pages.password)
    screen.await_text("state", "Waiting")
    assert focused(screen) == "title"

    tab_to(screen, "+5 min")
    press(screen, "Enter")
    screen.await_text("answer", "The show was moved. Your payers will hear of it.")
    assert focused(screen) == "+5 min"
    tab_to(screen, "cancel")
    press(screen, "Enter")
    assert focused(screen) == "No, keep the show"
    press(screen, "Escape")
    assert (focused(screen), screen.sees("state")) == ("cancel", "Waiting")
    press(screen, "Enter", "Tab", "Enter")
    screen.await_text("state", "Cancelled")
    wait_until(lambda: focused(screen) == "title")  # because the button that had the focus is gone
    assert focused(screen) == "title"
    tab_to(screen, "5 min")
    press(screen, "Enter")
    screen.await_text("answer", "The show takes place after all. Your payers will hear of it.")
    assert focused(screen) == "+5 min"


def test_failed_sign_in_keeps_the_focus_and_is_announced(pages: PagesSite) -> None:
    screen = pages.open("/watch/any")
    screen.page.evaluate(RECORD)

    sign_in(screen, "nobody", "wrong")

    screen.await_text("sign-in-error", "The user name or the password is wrong.")
    assert screen.page.evaluate("document.activeElement.name") == "password"
    assert screen.page.evaluate("announced") == ["The user name or the password is wrong."]


def test_screen_reader_hears_each_change_once_and_no_clock(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600, lasts_seconds=12)
    screen = pages.watch(show.goal_id)
    screen.await_text("connection", "Connected.")
    screen.page.evaluate(RECORD)

    pages.site.move_show(show, starts_in_seconds=500)
    screen.await_part("reason", MOVED)  # before the show starts, however slow the machine is
    pages.site.move_show(show, starts_in_seconds=3)
    screen.await_text("state", "Over")

    announced = [each for each in screen.page.evaluate("announced") if "in a moment" not in each]
    standings = [each.split("\n")[0] for each in announced if each.startswith(("Waiting", "Entering", "Live", "Over"))]
    waiting = [each for each in standings if each.startswith(f"Waiting {MOVED}")]
    # A busy machine may start the show before the page has heard of the second move.
    assert len(set(waiting)) == len(waiting) in (1, 2)
    assert standings[len(waiting) :] == [
        "Entering The show has started. You are being let in.",
        "Live You are in.",
        "Over The show is over.",
    ]
    assert len(announced) <= 5 + len(waiting), announced
