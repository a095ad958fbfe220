"""A show as its payers see it, in a real browser with the real pusher-js."""

import time
from dataclasses import replace
from typing import Any

import pytest

from lab.demo.credentials import verify_event
from lab.demo.expectations import PREVIEW, SD
from tests.browser.chromium import Chromium
from tests.browser.site import SUCCEEDED, Seeded, Site

pytestmark = [
    pytest.mark.needs("chromium", "npm"),
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.slow,
]

STARTS_IN_SECONDS = 3


def test_browsers_hear_that_the_show_has_begun(site: Site, chromium: Chromium) -> None:
    site.start_qcluster()
    streamer, payer = site.shown["streamer"], site.shown["viewers"][0]
    preview, sd = (viewer_channel(site.shown, preset, payer) for preset in (PREVIEW, SD))
    payers_page = site.listen(chromium, payer, [preview, sd])
    streamers_page = site.listen(chromium, streamer, streamer_channels(streamer))
    assert payers_page.subscriptions() == dict.fromkeys(payers_page.channels, "succeeded")
    assert streamers_page.subscriptions() == dict.fromkeys(streamers_page.channels, "succeeded")

    show = site.create_show(starts_in_seconds=STARTS_IN_SECONDS)

    heard = payers_page.events(2)
    # On a busy machine the show may start late, and then it ends later.
    show = replace(show, access_exp=site.api.get(f"/goals/{show.goal_id}")["access_exp"])
    assert [(note["channel"], note["event"]) for note in heard] == [
        (preview, "stream.authorized"),
        (sd, "stream.authorized"),
    ]
    assert heard == site.accepted(payers_page.channels)
    told_preview, told_sd = heard
    fields = ["event_id", "exp", "goal_id", "jitter_factor", "nbf", "session_id", "version"]
    assert sorted(told_preview["data"]) == fields
    verified = verify_event(told_sd["data"], site.stand_ins, show, payer["id"], now=int(time.time()))
    assert [each.what for each in verified if not each.is_right] == []
    heard = streamers_page.events(6)
    assert [(note["channel"], note["event"]) for note in heard] == [
        (channel, event) for channel in streamers_page.channels for event in ("goal.added", "goal.started")
    ]
    assert heard == site.accepted(streamers_page.channels)


def test_browser_subscribes_to_what_it_may_hear(site: Site, chromium: Chromium) -> None:
    payer, other = site.shown["viewers"]
    stranger = site.elsewhere["viewers"][0]  # has paid another streamer
    own, foreign = viewer_channel(site.shown, SD, payer), viewer_channel(site.shown, SD, other)
    unpaid, free = viewer_channel(site.shown, SD, stranger), viewer_channel(site.shown, PREVIEW, stranger)

    payers_page = site.listen(chromium, payer, [own, foreign])
    strangers_page = site.listen(chromium, stranger, [unpaid, free])

    assert payers_page.subscriptions() == {own: "succeeded", foreign: "refused: 403"}
    assert strangers_page.subscriptions() == {unpaid: "refused: 403", free: "succeeded"}
    me = {"id": payer["id"], "info": {"name": payer["username"]}}
    members = {"count": 1, "me": me, "members": {payer["id"]: me["info"]}, "myID": payer["id"]}
    assert [note["data"] for note in payers_page.notes() if note["event"] == SUCCEEDED] == [members]


def viewer_channel(seeded: Seeded, preset: str, viewer: dict[str, Any]) -> str:
    return f"presence-stream-viewer@{seeded['streamer']['id']}.{preset}.{viewer['id']}"


def streamer_channels(streamer: dict[str, Any]) -> list[str]:
    return [f"{prefix}@{streamer['id']}" for prefix in ("presence-stream", "private-stream", "private-user")]
