"""The JavaScript client on a partner's page: what viewers and streamers see and do in the life of a show."""

import json
import time
from collections.abc import Callable

import pytest

from sessions_app.models import Session
from tests.browser.partner_site import PartnerSite, Picture, Tab
from tests.browser.site import wait_until
from tests.factories.bodies import funding_body

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.slow,
    pytest.mark.django_db,
]


def test_viewer_is_let_in_at_the_start_and_out_at_the_end(partner: PartnerSite) -> None:
    payer = partner.site.shown["viewers"][0]
    tab = partner.watch(payer)
    tab.await_connection("live channels_open")
    assert tab.standing() == ("funding", "no_show_yet")

    show = partner.site.create_show(starts_in_seconds=600, lasts_seconds=12)
    tab.await_standing("waiting scheduled")
    partner.site.move_show(show, starts_in_seconds=500)
    tab.await_standing("waiting moved")  # before it starts, however slow the machine is
    show = partner.site.move_show(show, starts_in_seconds=3)

    tab.await_standing("live let_in")
    picture = tab.picture()
    credentials = picture["credentials"]
    window = show.nbf, picture["show"]["access_exp"]
    assert (credentials["goal_id"], credentials["nbf"], credentials["exp"]) == (show.goal_id, *window)
    assert credentials["byteplus_rtc_info"]["room_id"] == show.session_id
    tab.await_standing("ended ended")
    assert tab.picture()["credentials"] is None
    # A busy machine may start the show late. The client then shows "waiting due".
    assert [each for each in tab.standings() if each != "waiting due"] == [
        "none nothing_on_sale",
        "funding no_show_yet",
        "waiting scheduled",
        "waiting moved",
        "entering fetching",
        "live let_in",
        "ended ended",
    ]


def test_streamer_sees_the_show_and_commands_it(partner: PartnerSite) -> None:
    tab = partner.watch(partner.site.shown["streamer"], asStreamer=True)
    tab.await_connection("live channels_open")
    assert tab.standing() == ("funding", "no_show_yet")
    partner.site.create_show(starts_in_seconds=600)
    tab.await_standing("waiting scheduled")

    tab.page.evaluate("client.cancel('a cold')")
    tab.await_standing("cancelled cancelled")
    tab.page.evaluate("client.move(Math.floor(client.now()) + 2)")
    tab.await_standing("live not_begun")
    told = {"planned": 0, "sent": 2, "unknown": 0, "failed": 0, "expired": 0}
    counted = {"viewers": 2, "preview": told, "sd": told, "received": 0, "credentials_fetched": 0}
    await_picture(tab, lambda picture: picture["deliveries"] == counted)
    await_picture(tab, lambda picture: picture["recording"]["reason"] == "recording_runs")

    end = tab.picture()["show"]["access_exp"]
    tab.page.evaluate("client.begin()")
    tab.await_standing("live begun")
    tab.page.evaluate("client.extend(300)")
    await_picture(tab, lambda picture: picture["show"]["access_exp"] >= end + 300)
    # The server rounds the lateness up, so that payers never get less than their whole time.
    assert 0 <= tab.picture()["lateSeconds"] <= time.time() + 1 - tab.picture()["show"]["nbf"]
    tab.page.evaluate("client.end()")
    tab.await_standing("ended ended_early")
    refused = tab.page.evaluate("client.begin().catch(({ name, status, code }) => [name, status, code])")
    assert refused == ["ApiError", 409, "already_ended"]


def test_viewer_follows_every_change(partner: PartnerSite) -> None:
    streamer = partner.watch(partner.site.shown["streamer"], asStreamer=True).page
    tab = partner.watch(partner.site.shown["viewers"][0])
    tab.await_connection("live channels_open")
    show = partner.site.create_show(starts_in_seconds=600)
    tab.await_standing("waiting scheduled")
    wait_until(lambda: streamer.evaluate("client.picture.show !== null"))

    for command, standing in (
        (f"client.move({show.nbf + 60})", "waiting moved"),
        ("client.cancel()", "cancelled cancelled"),
        (f"client.move({show.nbf})", "waiting revived"),
        ("client.move(Math.floor(client.now()) + 1)", "live let_in"),
    ):
        streamer.evaluate(command)
        tab.await_standing(standing)
    before = tab.picture()["credentials"]
    streamer.evaluate("client.extend(300)")

    await_picture(tab, lambda picture: picture["credentials"]["exp"] >= before["exp"] + 300)
    assert tab.picture()["credentials"]["byteplus_rtc_info"]["exp"] == tab.picture()["show"]["access_exp"]


@pytest.mark.parametrize("without_pusher", [False, True])
def test_viewer_hears_that_the_payment_is_due_back(partner: PartnerSite, *, without_pusher: bool) -> None:
    tab = partner.watch(partner.site.shown["viewers"][0], withoutPusher=without_pusher)
    tab.await_connection("polling no_pusher" if without_pusher else "live channels_open")
    show = partner.site.create_show(starts_in_seconds=200)  # soon enough for a client without events to poll often
    tab.await_standing("waiting scheduled")

    partner.site.api.post(f"/sessions/{show.session_id}/end", {"cancel_shows": True}, wanted=200)

    tab.await_standing("lapsed refund_due" if without_pusher else "lapsed session_ended")
    await_picture(tab, lambda picture: picture["payment"]["outcome"] == "refund_due")


@pytest.mark.parametrize("has_show", [False, True])
def test_viewer_misses_the_end_of_the_session(partner: PartnerSite, *, has_show: bool) -> None:
    site, streamer = partner.site, partner.site.shown["streamer"]
    page = partner.open()
    page.evaluate("Math.random = () => 0")  # without jitter, the client reads at once what it has missed
    page.call("watch", partner.options(site.elsewhere["viewers"][0]))
    tab = Tab(page)
    tab.await_connection("live channels_open")
    tab.await_standing("funding no_show_yet")
    if has_show:
        site.create_show(starts_in_seconds=600)
        tab.await_standing("waiting scheduled")
    site.api.sign_in(streamer["username"], streamer["password"])

    site.sockets.go_away()
    site.api.post(f"/sessions/{site.shown['session_id']}/end", {"cancel_shows": True}, wanted=200)
    stream = [f"private-stream@{streamer['id']}"]
    wait_until(lambda: "goal.lapsed" in [note["event"] for note in site.accepted(stream)])
    site.sockets.come_back()

    tab.await_standing("lapsed session_ended")


def test_viewer_pays_once_though_the_answer_is_lost(partner: PartnerSite) -> None:
    shown, stranger = partner.site.shown, partner.site.elsewhere["viewers"][0]
    api = partner.site.api
    api.sign_in(shown["streamer"]["username"], shown["streamer"]["password"])
    goal = api.post("/goals?type=show-funding", funding_body(Session.objects.get(pk=shown["session_id"])))
    tab = partner.watch(stranger, goalId=goal["id"])
    tab.await_standing("funding funding_open")
    tab.await_connection("live channels_open")
    partner.gateway.lose_answer(f"/goals/{goal['id']}/contributions")

    tab.page.evaluate(f"client.pay('{goal['id']}', 200)")

    await_picture(tab, lambda picture: picture["payment"] == {"amount": 200, "outcome": "pending"})
    await_picture(tab, lambda picture: (picture["funding"]["progress"], picture["funding"]["payers"]) == (200, 1))
    tab.await_connection("live channels_open")
    assert partner.gateway.calls.count(("POST", f"/goals/{goal['id']}/contributions")) == 2


def test_page_signs_in_by_itself(partner: PartnerSite) -> None:
    streamer, payer = partner.site.shown["streamer"], partner.site.shown["viewers"][0]
    account = partner.options(payer, username=payer["username"], password=streamer["password"])
    page = partner.open()
    tab = Tab(page)
    wrong = {**account, "password": "wrong"}
    refused = page.evaluate(f"signInAndWatch({json.dumps(wrong)}).catch(({{ status, code }}) => [status, code])")
    assert refused == [401, "invalid_credentials"]
    page.call("signInAndWatch", account)
    tab.await_connection("live channels_open")

    partner.gateway.refuse(401, "not_authenticated", times=1)
    page.evaluate("client.refresh()")

    wait_until(lambda: ("POST", "/auth/token/refresh") in partner.gateway.calls)
    tab.await_connection("live channels_open")
    page.evaluate("account.signOut()")
    time.sleep(2)  # the server refuses the old tokens within a second
    page.evaluate("client.refresh()")
    tab.await_connection("signed_out not_authenticated")


def await_picture(tab: Tab, is_reached: Callable[[Picture], bool]) -> None:
    wait_until(lambda: is_reached(tab.picture()))
    assert is_reached(tab.picture()), tab.picture()
