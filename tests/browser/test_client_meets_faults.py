"""Faults between a viewer's browser and the product. After each fault, the viewer is let in, or is told why not."""

import json
import time
from typing import Any

import pytest

from lab.demo.expectations import Show
from tests.browser.partner_site import PartnerSite, Tab
from tests.browser.realtime import StandIn
from tests.browser.site import wait_until
from tests.browser.soketi import Soketi

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.long,
    pytest.mark.django_db,
    pytest.mark.parametrize(
        "partner", [StandIn, pytest.param(Soketi, marks=pytest.mark.needs("soketi"))], indirect=True
    ),
]

IN = "live let_in"


@pytest.fixture
def payer(partner: PartnerSite) -> dict[str, Any]:
    payer: dict[str, Any] = partner.site.shown["viewers"][0]
    return payer


def events_for(partner: PartnerSite, show: Show, payer: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the events that Pusher got for the payer's own channels and for the channel of the streamer's stream."""
    channels = {show.viewer_channel(preset, payer["id"]) for preset in ("preview", "sd")}
    channels.add(f"private-stream@{show.streamer_id}")
    events = partner.site.sockets.events()
    return [(event.channel, event.name, event.data) for event in events if event.channel in channels]


def user_id(tab: Tab) -> str:
    return str(tab.picture()["credentials"]["byteplus_rtc_info"]["user_id"])


def test_offline_at_start(partner: PartnerSite, payer: dict[str, Any]) -> None:
    page = partner.open()
    page.set_offline(True)
    page.call("watch", partner.options(payer))
    tab = Tab(page)
    tab.await_connection("offline unreachable")
    partner.site.create_show(starts_in_seconds=1)

    page.set_offline(False)

    tab.await_standing(IN)
    tab.await_connection("live channels_open")


def test_asleep_over_the_start_and_awake_before_the_end(partner: PartnerSite, payer: dict[str, Any]) -> None:
    tab = partner.watch(payer)
    tab.await_connection("live channels_open")
    show = partner.site.create_show(starts_in_seconds=600)
    tab.await_standing("waiting scheduled")

    asleep(partner, tab, show, until="live")

    tab.await_standing(IN)
    tab.await_connection("live channels_open")


def test_asleep_over_start_and_end(partner: PartnerSite, payer: dict[str, Any]) -> None:
    tab = partner.watch(payer)
    tab.await_connection("live channels_open")
    show = partner.site.create_show(starts_in_seconds=600, lasts_seconds=3)
    tab.await_standing("waiting scheduled")

    asleep(partner, tab, show, until="ended")

    tab.await_standing("ended ended")
    assert IN not in tab.standings()


def asleep(partner: PartnerSite, tab: Tab, show: Show, *, until: str) -> None:
    """Let the machine sleep until the show is live or ended. The page's timers stand still, and its sockets close."""
    began = time.monotonic()
    tab.page.freeze()
    partner.site.sockets.go_away()
    partner.site.move_show(show, starts_in_seconds=1)
    partner.site.await_status(show, until)
    time.sleep(3)  # the client does not notice shorter sleeps
    partner.site.sockets.come_back()
    tab.page.evaluate(f"sleptMs += {1000 * (time.monotonic() - began)}")
    tab.page.thaw()


def test_two_tabs(partner: PartnerSite, payer: dict[str, Any]) -> None:
    first = partner.watch(payer)
    first.await_connection("live channels_open")
    partner.site.create_show(starts_in_seconds=2)
    first.await_standing(IN)

    second = partner.watch(payer)

    second.await_standing(IN)
    assert user_id(first) != user_id(second)


def test_token_refresh(partner: PartnerSite, payer: dict[str, Any]) -> None:
    tab = partner.watch(payer, tokens=["an.expired.token", payer["access"]])
    tab.await_connection("live channels_open")
    assert tab.page.evaluate("refused") == [None, "an.expired.token"]

    partner.gateway.refuse(401, "not_authenticated", times=1)
    partner.site.create_show(starts_in_seconds=2)

    tab.await_standing(IN)
    assert tab.page.evaluate("refused") == [None, "an.expired.token", payer["access"]]


def test_signed_out_and_in_again(partner: PartnerSite, payer: dict[str, Any]) -> None:
    page = partner.open()
    page.evaluate("window.mine = []")
    page.evaluate(f"watch({{ ...{json.dumps(partner.options(payer))}, tokens: mine }})")
    tab = Tab(page)
    tab.await_connection("signed_out not_authenticated")

    page.evaluate(f"mine.push({json.dumps(payer['access'])}), client.refresh()")

    tab.await_connection("live channels_open")


def test_events_out_of_order_and_duplicated(partner: PartnerSite, payer: dict[str, Any]) -> None:
    tab = partner.watch(payer)
    tab.await_connection("live channels_open")
    show = partner.site.create_show(starts_in_seconds=2)
    tab.await_standing(IN)
    before = user_id(tab)
    wait_until(lambda: len(events_for(partner, show, payer)) == 4)
    events = events_for(partner, show, payer)
    assert len(events) == 4

    for _time in range(2):
        for event in reversed(events):
            partner.site.sockets.publish(*event)
    time.sleep(4)  # longer than the jitter: a client that obeyed repeats would have fetched credentials again

    assert tab.standings()[-1] == IN
    assert (tab.standing(), user_id(tab)) == (("live", "let_in"), before)
    assert partner.gateway.calls.count(("GET", f"/sessions/{show.session_id}/token")) == 1


def test_pusher_away(partner: PartnerSite, payer: dict[str, Any]) -> None:
    tab = partner.watch(payer)
    tab.await_connection("live channels_open")
    show = partner.site.create_show(starts_in_seconds=15)
    tab.await_standing("waiting scheduled")

    began = time.monotonic()
    partner.site.sockets.go_away()

    tab.await_connection("polling realtime_away")
    tab.await_standing(IN)
    partner.site.sockets.come_back()
    tab.await_connection("live channels_open")
    reads = len([call for call in partner.gateway.calls if call == ("GET", "/goals")])
    assert reads < 8 + (time.monotonic() - began) / 5
    assert partner.gateway.calls.count(("GET", f"/sessions/{show.session_id}/token")) == 1


def test_subscription_is_never_answered(partner: PartnerSite, payer: dict[str, Any]) -> None:
    page = partner.open()
    page.evaluate("holdSubscription()")
    page.call("watch", partner.options(payer))
    tab = Tab(page)
    wait_until(lambda: page.evaluate("'release' in window"))
    tab.await_connection("polling realtime_away")

    tab.await_connection("live channels_open")


def test_channel_is_wanted_again_before_it_has_opened(partner: PartnerSite, payer: dict[str, Any]) -> None:
    channel = f"private-stream@{partner.site.shown['streamer']['id']}"
    page = partner.open()
    page.evaluate("holdSubscription()")
    page.call("listen", partner.options(payer))
    wait_until(lambda: page.evaluate(f"channels.want(['{channel}']), 'release' in window"))

    page.evaluate(f"channels.want([]), channels.want(['{channel}']), release()")

    wait_until(lambda: page.evaluate("channels.reason") == "channels_open")
    partner.site.sockets.publish(channel, "goal.added", "{}")
    wait_until(lambda: page.evaluate("heard.length") > 0)
    assert page.evaluate("heard") == [[channel, "goal.added", {}]]


def test_no_pusher_at_all(partner: PartnerSite, payer: dict[str, Any]) -> None:
    tab = partner.watch(payer, withoutPusher=True)
    tab.await_connection("polling no_pusher")
    partner.site.create_show(starts_in_seconds=2)

    tab.await_standing(IN)


def test_api_503_at_the_start_of_the_show(partner: PartnerSite, payer: dict[str, Any]) -> None:
    tab = partner.watch(payer)
    tab.await_connection("live channels_open")
    show = partner.site.create_show(starts_in_seconds=600)
    tab.await_standing("waiting scheduled")
    partner.gateway.refuse(503, "unavailable")
    partner.site.move_show(show, starts_in_seconds=2)

    tab.await_standing(IN)

    # The client has used the credentials of the event, because it could not fetch any from the API.
    sd = show.viewer_channel("sd", payer["id"])
    told = [json.loads(data) for channel, _name, data in events_for(partner, show, payer) if channel == sd]
    assert [user_id(tab)] == [event["byteplus_rtc_info"]["user_id"] for event in told]


# The status 200 comes with an HTML page, as from a proxy in front of the API.
@pytest.mark.parametrize("status", [503, 200])
def test_api_away_at_start_of_the_page(partner: PartnerSite, payer: dict[str, Any], status: int) -> None:
    partner.gateway.refuse(status, "unavailable")
    tab = partner.watch(payer)
    tab.await_connection("api_away api_unavailable")
    calls = len(partner.gateway.calls)
    time.sleep(5)
    assert len(partner.gateway.calls) - calls < 12

    partner.gateway.refuse(status, "unavailable", times=0)

    tab.await_connection("live channels_open")


@pytest.mark.parametrize("skew_seconds", [3600, -3600])
def test_clock_wrong_by_an_hour(partner: PartnerSite, payer: dict[str, Any], skew_seconds: int) -> None:
    tab = partner.watch(payer, skew_seconds=skew_seconds)
    tab.await_connection("live channels_open")
    assert abs(tab.page.evaluate("client.now()") - time.time()) < 2
    show = partner.site.create_show(starts_in_seconds=600, lasts_seconds=12)
    tab.await_standing("waiting scheduled")
    partner.site.move_show(show, starts_in_seconds=500)
    tab.await_standing("waiting moved")  # before it starts, however slow the machine is
    partner.site.move_show(show, starts_in_seconds=3)

    tab.await_standing(IN)
    tab.await_standing("ended ended")
    # A busy machine may start the show late. The client then shows "waiting due".
    shown = [each for each in tab.standings() if each != "waiting due"]
    assert shown[-4:] == ["waiting moved", "entering fetching", IN, "ended ended"]
