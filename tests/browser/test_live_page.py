"""The streamer's page in a real browser. The streamer runs a show with the buttons of the page."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from mongodb.collections import collection
from pages.payers_texts import PAYERS_TEXTS
from pages.streamers_texts import STREAMERS_TEXTS
from sessions_app.models import Session
from showgoals.models import ShowFundingGoal
from tests.browser.pages_site import PagesSite, Screen
from tests.browser.site import wait_until
from tests.factories.bodies import funding_body, show_body

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.slow,
    pytest.mark.django_db,
]

PAYERS = 250
UNKNOWN = "\N{EN DASH}"
# No answer comes to the calls that say how many payers there are.
NEVER_COUNTED = """
const { fetch: answered } = window;
window.fetch = (url, ...rest) => url.includes("/deliveries") ? new Promise(() => {}) : answered(url, ...rest);
"""
COUNTS = ("viewers", "delivered-count", "received-count", "fetched-count", "told")


@pytest.mark.parametrize("pages", [PAYERS], indirect=True)
def test_streamer_runs_a_show_and_a_payer_watches_it(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600, lasts_seconds=600)
    screen, payers = pages.perform(show.goal_id), pages.watch(show.goal_id)

    payers.await_text("connection", "Connected.")
    screen.await_text("connection", "Connected.")
    assert screen.seen("session", "title", "state") == (
        f"Session of {pages.site.shown['streamer']['username']}",
        "Proceed",
        "Waiting",
    )
    assert screen.buttons() == ["+5 min", "+10 min", "+20 min", "Cancel the show ..."]
    screen.await_text("told", "They are told when the show starts.")
    assert screen.seen(*COUNTS[:2]) == ("250", "0 of 250")

    pages.site.move_show(show, starts_in_seconds=2)
    screen.await_text("told", "Everybody was told.")
    payers.await_text("reason", "You are in.")
    screen.await_text("fetched-count", "1 of 250")
    screen.await_text("received-count", "1 of 250")
    assert screen.seen(*COUNTS) == ("250", "250 of 250", "1 of 250", "1 of 250", "Everybody was told.")
    screen.await_text("light", "The show is being recorded.")
    assert screen.buttons() == ["I have begun", "+5 min", "+10 min", "+20 min", "End the show ...", "Send again"]
    screen.click("#send-again")
    screen.await_text("answer", "There is nothing to send again: everybody was told.")

    begin_and_extend(screen, payers, lambda: pages.site.access_exp(show))
    end_early(screen, payers)


def end_early(screen: Screen, payers: Screen) -> None:
    screen.click("#end")
    screen.click("#ask-yes")

    screen.await_text("reason", "The show was ended before its time.")
    payers.await_text("reason", "The show has ended before its time.")
    screen.await_text("outcome", "A person decides what becomes of the payments.")
    payers.await_text("outcome", "It is not decided yet what becomes of your payment.")
    screen.await_text("light", "The recording is over.")
    screen.await_part("steps", "The recording was stopped.")
    assert (screen.seen("state", "clock", "until"), screen.buttons()) == (("Over", "", ""), [])


def begin_and_extend(screen: Screen, payers: Screen, access_exp: Callable[[], int]) -> None:
    screen.click("#begin")
    screen.await_text("answer", "You have begun. Your payers get the whole length of the show from now on.")
    screen.await_text("reason", "You have begun.")
    screen.await_part("late", "they can watch until")

    end = access_exp()
    screen.click("[data-minutes='5']")
    screen.await_part("answer", "The show lasts 5 minutes longer.")
    payers.await_part("answer", "The end has moved to ")
    for each in (screen, payers):
        each.await_countdown(lambda: end + 300)


def test_streamer_cancels_and_brings_back(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    screen = pages.perform(show.goal_id)
    screen.await_text("state", "Waiting")
    screen.await_text("viewers", "2")

    screen.click("#cancel")
    assert screen.seen("ask-title", "ask-text") == (
        "Cancel the show?",
        "2 payers will be told that it is off. For a while, you can still bring it back.",
    )
    screen.click("#ask button[value=no]")
    assert screen.sees("state") == "Waiting"
    screen.click("#cancel")
    screen.click("#ask-yes")
    screen.await_text("state", "Cancelled")
    screen.await_text("answer", "The show was cancelled. Your payers will hear of it.")
    assert screen.buttons() == ["5 min", "10 min", "20 min"]
    clicked_at = time.time()
    screen.click("[data-minutes='10']")
    screen.await_text("state", "Waiting")
    nbf = pages.site.api.get(f"/goals/{show.goal_id}")["nbf"]
    assert clicked_at + 598 <= nbf <= time.time() + 601
    screen.await_countdown(lambda: nbf)
    screen.click("[data-minutes='20']")
    screen.await_countdown(lambda: nbf + 1200)


def test_outdated_page_neither_revives_nor_moves_the_show(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    screen = pages.perform(show.goal_id)
    screen.await_text("connection", "Connected.")
    await_readings(screen, 2)  # the second one is of what was missed before the page listened

    with pages.site.paused_qcluster():  # no event reaches the page
        pages.site.api.post(f"/goals/{show.goal_id}/cancel", {}, wanted=200)
        assert screen.sees("state") == "Waiting"
        screen.click("[data-minutes='5']")
        screen.await_text("answer", str(STREAMERS_TEXTS["error_precondition_failed"]))
        assert (screen.sees("state"), screen.buttons()) == ("Cancelled", ["5 min", "10 min", "20 min"])
        assert pages.site.api.get(f"/goals/{show.goal_id}")["status"] == "cancelled"

        nbf = pages.site.move_show(show, starts_in_seconds=1200).nbf
        assert screen.sees("state") == "Cancelled"
        screen.click("[data-minutes='5']")
        screen.await_text("state", "Waiting")
        screen.await_text("answer", str(STREAMERS_TEXTS["error_precondition_failed"]))
        assert pages.site.api.get(f"/goals/{show.goal_id}")["nbf"] == nbf

        screen.click("[data-minutes='5']")
        screen.await_text("answer", str(STREAMERS_TEXTS["done_move"]))
        assert pages.site.api.get(f"/goals/{show.goal_id}")["nbf"] == nbf + 300


def await_readings(screen: Screen, count: int) -> None:
    """Wait until the page has read the goals of the session this often."""
    read = "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/goals?')).length"
    wait_until(lambda: bool(screen.page.evaluate(read) >= count))
    assert screen.page.evaluate(read) >= count


def test_page_names_no_number_of_payers_before_it_knows_it(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    screen = pages.open(f"/shows/{show.goal_id}")
    screen.page.evaluate(NEVER_COUNTED)
    screen.sign_in(pages.site.shown["streamer"]["username"], pages.password)
    screen.await_text("state", "Waiting")

    screen.click("#cancel")
    assert screen.seen("viewers", "ask-text") == (UNKNOWN, str(STREAMERS_TEXTS["cancel_text_uncounted"]))
    screen.click("#ask button[value=no]")
    pages.site.move_show(show, starts_in_seconds=2)
    screen.await_text("state", "Live")
    screen.click("#end")
    assert screen.seen("viewers", "ask-text") == (UNKNOWN, str(STREAMERS_TEXTS["end_text_uncounted"]))


def test_page_offers_nothing_that_the_server_would_refuse(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    opened_before = pages.perform(show.goal_id)
    opened_before.await_text("state", "Waiting")

    pages.site.api.post(f"/sessions/{show.session_id}/end", {"cancel_shows": True}, wanted=200)

    for screen in (opened_before, pages.perform(show.goal_id), pages.perform(pages.site.shown["funding_goal_id"])):
        screen.await_text("reason", "The livestream has ended, and the show with it.")
        screen.await_text("outcome", "The payments are due back.")
        assert (screen.sees("state"), screen.buttons()) == ("No show", [])


@pytest.mark.parametrize("has_show", [False, True])
def test_page_says_that_the_time_for_a_show_is_over(pages: PagesSite, *, has_show: bool) -> None:
    show = pages.site.create_show(starts_in_seconds=600)  # only its session is needed
    body = funding_body(Session.objects.get(pk=show.session_id))
    body["context"]["hesitation_countdown"] = 3
    funding_id = pages.site.api.post("/goals?type=show-funding", body)["id"]
    pages.site.api.post(f"/goals/{funding_id}/close", {}, wanted=200)
    if has_show:
        goal = pages.site.api.post("/goals?type=show", show_body(ShowFundingGoal.objects.get(pk=funding_id)))
        pages.site.api.post(f"/goals/{goal['id']}/cancel", {}, wanted=200)

    reason = "There was no show in time." if not has_show else "The show was cancelled for good."
    for _opened in ("before", "after"):
        screen = pages.perform(funding_id)
        screen.await_text("reason", f"{reason} The payments are due back.")
        assert (screen.sees("state"), screen.buttons()) == ("No show", [])


def test_held_show_is_delayed_and_gets_a_new_time(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    nbf = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    past = {"nbf": nbf, "held_nbf": nbf, "created_at": nbf - timedelta(hours=1)}
    collection("goals").update_one({"_id": ObjectId(show.goal_id)}, {"$set": past})
    collection("sessions").update_one({"_id": ObjectId(show.session_id)}, {"$inc": {"cache_version": 1}})

    screen, payers = pages.perform(show.goal_id), pages.watch(show.goal_id)

    screen.await_text("reason", str(STREAMERS_TEXTS["delayed"]))
    payers.await_text("reason", str(PAYERS_TEXTS["delayed"]))
    assert (screen.sees("clock"), payers.sees("clock")) == ("", "")
    assert screen.buttons() == ["+5 min", "+10 min", "+20 min"]  # no "Cancel", because the show may have been performed
    screen.click("[data-minutes='5']")
    for each in (screen, payers):
        each.await_part("reason", "The show was moved")


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
    # pusher-js may store how it has connected. Every token begins with "eyJ", and no token is stored.
    assert ("eyJ" in stored[1], stored[0], stored[2]) == (False, "", 0)
    screen.click("#sign-out")
    screen.await_part("sign-in", "Sign in to run your show.")
