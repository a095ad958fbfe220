"""The JavaScript client on a partner's page: the life of a show, and each fault that a viewer meets."""

import pytest

from tests.browser.partner_site import PartnerSite

pytestmark = [pytest.mark.needs("chromium", "npm"), pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db]


def test_viewer_is_let_in_at_the_start_and_out_at_the_end(partner: PartnerSite) -> None:
    payer = partner.site.shown["viewers"][0]
    tab = partner.watch(payer)
    tab.await_connection("live channels_open")
    assert tab.standing() == ("funding", "no_show_yet")

    show = partner.site.create_show(starts_in_seconds=3, lasts_seconds=8)

    tab.await_standing("live let_in")
    picture = tab.picture()
    credentials = picture["credentials"]
    window = show.nbf, picture["show"]["access_exp"]
    assert (credentials["goal_id"], credentials["nbf"], credentials["exp"]) == (show.goal_id, *window)
    assert credentials["byteplus_rtc_info"]["room_id"] == show.session_id
    tab.await_standing("ended ended")
    assert tab.picture()["credentials"] is None
    # A busy machine may start the show late; then the client says so.
    assert [each for each in tab.standings() if each != "waiting due"] == [
        "none nothing_on_sale",
        "funding no_show_yet",
        "waiting scheduled",
        "entering fetching",
        "live let_in",
        "ended ended",
    ]
