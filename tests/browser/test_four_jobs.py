"""Staff who know a name solve the problems that people call about, from the admin's front page and in few clicks."""

import time
from collections.abc import Callable

import pytest

from goals.starting import LATE_AFTER
from lab.demo.expectations import Show
from showgoals.models import ShowGoal
from tests.browser.chromium import Chromium
from tests.browser.hands import Hand, Keyboard, Mouse
from tests.browser.site import Site, wait_until
from tests.browser.staff import create_staff, open_front_page

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.django_db,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("kind", [Mouse, Keyboard]),
]

TITLE = "Proceed"
SUPPORT, OPERATOR = "support", "operator"
HandAs = Callable[[str], Hand]


@pytest.fixture
def hand_as(desk: Site, chromium: Chromium, kind: type[Hand]) -> HandAs:
    """Sign in a new member of a group: `hand_as(group)`."""

    def sign_in(group: str) -> Hand:
        create_staff(group, group=group)
        return kind(open_front_page(desk, chromium, group))

    return sign_in


@pytest.fixture
def show(desk: Site) -> Show:
    """A show that starts in ten minutes."""
    return desk.create_show(starts_in_seconds=600)


@pytest.fixture
def late_show(desk: Site) -> Show:
    """A live show that started late, because no qcluster was alive when it was due."""
    show = desk.create_show(starts_in_seconds=1, lasts_seconds=280)
    time.sleep(max(show.nbf - time.time(), 0) + 2 * LATE_AFTER.total_seconds())
    desk.start_qcluster()
    desk.await_status(show, "live")
    wait_until(lambda: desk.api.get(f"/goals/{show.goal_id}/deliveries")["sd"]["sent"] == 2)
    return show


def test_show_is_moved_by_twenty_minutes(desk: Site, hand_as: HandAs, show: Show) -> None:
    hand = hand_as(SUPPORT)
    hand.find(desk.shown["streamer"]["username"], leads_to="/find/")
    hand.press("+20 min", leads_to=f"/{show.goal_id}/move/")
    assert "Payers who hear of it: 2." in hand.reads(".told")
    hand.press("Move", leads_to=f"/{show.goal_id}/change/")

    assert "The show starts at" in hand.reads(".messagelist")
    assert ShowGoal.objects.get(pk=show.goal_id).starts_at.timestamp() == show.nbf + 1200
    assert hand.presses <= 3


def test_show_is_cancelled(desk: Site, hand_as: HandAs, show: Show) -> None:
    hand = hand_as(OPERATOR)
    hand.find(desk.shown["streamer"]["username"], leads_to="/find/")
    hand.press(TITLE, leads_to=f"/{show.goal_id}/change/")
    hand.press("Cancel the show", leads_to="/cancel/")
    hand.write("reason", "The streamer is ill.")
    hand.press("Cancel the show", leads_to="/change/")

    assert "The show is cancelled." in hand.reads(".messagelist")
    assert ShowGoal.objects.get(pk=show.goal_id).cancelled_at is not None
    assert hand.presses <= 4


def test_page_says_why_a_show_was_late(desk: Site, hand_as: HandAs, late_show: Show) -> None:
    hand = hand_as(SUPPORT)
    hand.find(desk.shown["streamer"]["username"], leads_to="/find/")
    hand.press(TITLE, leads_to=f"/{late_show.goal_id}/change/")

    assert "s late: no qcluster was alive until" in hand.reads(".situation")
    assert hand.presses <= 2


def test_page_says_why_a_payer_is_not_in(desk: Site, hand_as: HandAs, late_show: Show) -> None:
    payer = desk.shown["viewers"][0]
    hand = hand_as(SUPPORT)
    hand.find(payer["username"], leads_to="/find/")
    hand.press(TITLE, leads_to=f"/payers/{payer['id']}/")

    assert hand.reads(".situation").startswith("The show is live, and the credentials were sent.")
    assert hand.presses <= 3


def test_button_that_is_pressed_twice_acts_once(desk: Site, hand_as: HandAs, show: Show) -> None:
    hand = hand_as(SUPPORT)
    hand.find(desk.shown["streamer"]["username"], leads_to="/find/")
    hand.press("+5 min", leads_to="/move/")
    hand.press("Move", leads_to="/change/", times=2)

    assert "The show starts at" in hand.reads(".messagelist")
    assert ShowGoal.objects.get(pk=show.goal_id).starts_at.timestamp() == show.nbf + 300


def test_show_is_moved_without_scripts(desk: Site, hand_as: HandAs, show: Show) -> None:
    hand = hand_as(SUPPORT)
    hand.page.turn_off_scripts()
    hand.find(desk.shown["streamer"]["username"], leads_to="/find/")
    hand.press("+10 min", leads_to="/move/")
    assert "Payers who hear of it: 2." in hand.reads(".told")
    hand.press("Move", leads_to="/change/")

    assert "The show starts at" in hand.reads(".messagelist")
    assert ShowGoal.objects.get(pk=show.goal_id).starts_at.timestamp() == show.nbf + 600
