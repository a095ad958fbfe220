"""The payer's page in a real browser, from before the start of a show to its end."""

import pytest

from tests.browser.pages_site import PagesSite

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.slow,
    pytest.mark.django_db,
]


def test_payer_watches_a_show(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    payer = pages.site.shown["viewers"][0]
    screen = pages.watch(show.goal_id)

    screen.await_text("connection", "Connected.")
    assert screen.seen("title", "state", "sold", "left-of") == (
        *("Proceed", "Waiting", "A show of one minute, only for those who have paid."),
        "until the start",
    )
    assert screen.sees("payment").startswith("You paid 200 on ")
    assert screen.seen("picture", "identity") == ("The video starts with the show.", "")
    screen.await_countdown(lambda: show.nbf)
    screen.click("#help summary")
    screen.await_text("why", "The show has not started yet.")

    pages.site.move_show(show, starts_in_seconds=2)
    screen.await_text("state", "Live")
    assert screen.seen("reason", "picture") == ("You are in.", "Your player shows the paid video here.")
    assert screen.sees("room") == show.session_id
    assert screen.sees("user").startswith(f"{payer['id']}__stream_authorized__")
    assert screen.sees("code") == f"{show.goal_id}-{payer['id']}"
    screen.await_text("why", "The show is running, and you were let in. If you see no video, reload this page.")

    pages.site.api.post(f"/goals/{show.goal_id}/end", {}, wanted=200)
    screen.await_text("state", "Over")
    assert screen.seen("picture", "identity", "clock", "until") == ("The video is over.", "", "", "")
    screen.await_text("why", "The show was ended early.")


def test_payer_reads_what_becomes_of_the_show(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    screen, streamers = pages.watch(show.goal_id), pages.perform(show.goal_id)
    screen.await_text("state", "Waiting")
    streamers.await_text("state", "Waiting")

    streamers.click("[data-minutes='5']")
    screen.await_part("reason", "The show was moved. It now starts at ")
    streamers.click("#cancel")
    streamers.click("#ask-yes")
    screen.await_text("state", "Cancelled")
    assert screen.sees("reason") == "The show was cancelled. It may still be brought back."
    pages.site.api.post(f"/sessions/{show.session_id}/end", {"cancel_shows": True}, wanted=200)
    screen.await_text("reason", "The livestream has ended.")
    assert screen.seen("state", "outcome") == ("No show", "Your payment is due back.")
    strangers = pages.enter(f"/watch/{show.goal_id}?session_id={show.session_id}", pages.site.elsewhere["viewers"][0])
    strangers.await_text("reason", "The livestream has ended.")
    assert strangers.seen("state", "outcome") == ("No show", "")


def test_page_finds_no_show_for_others(pages: PagesSite) -> None:
    show = pages.site.create_show(starts_in_seconds=600)
    screen = pages.enter(f"/watch/{show.goal_id}", pages.site.elsewhere["viewers"][0])
    screen.await_part("lost", "You have not paid for a show here, or there is no such show.")

    invited = pages.enter(f"/watch/{show.goal_id}?session_id={show.session_id}", pages.site.elsewhere["viewers"][0])
    invited.await_text("state", "Waiting")
    assert invited.sees("payment") == "You have not paid for this show."
