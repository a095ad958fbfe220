"""A payer's phone that subscribes after the start is sent its credentials, because Pusher reports the subscription."""

import time

import pytest

from lab.loopback.webhooks import Webhooks
from lab.loopback.websocket import PusherSockets
from tests.e2e.phone import phone_of, start_show
from tests.e2e.running_product import RunningProduct

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow]


def test_payer_who_subscribes_late_is_let_in(product: RunningProduct) -> None:
    late, other, _stranger = product.viewers
    start_show(product, [late, other])
    (missed,) = product.authorised(late, "sd")
    url = f"{product.streamer.base_url}/pusher/webhook"
    with (
        PusherSockets(product.stand_ins.pusher) as sockets,
        Webhooks(product.stand_ins.pusher, url) as webhooks,
        phone_of(late, sockets, product) as phone,
        phone_of(late, sockets, product) as second,
    ):
        phone.subscribe(f"presence-stream-viewer@{product.streamer.id}.sd.{late.id}")
        got = phone.next_event()
        second.subscribe(f"presence-stream-viewer@{product.streamer.id}.sd.{late.id}")  # the same user
        (member_added,) = [report for report in webhooks.taken if report["name"] == "member_added"]
        webhooks.send([member_added], at=time.time())
        assert phone.hears_nothing(2.0)

    assert (got["event_id"], got["redelivery"], got["exp"]) == (missed.data["event_id"], 1, missed.data["exp"])
    assert set(got) == {*missed.data, "redelivery"}
    assert [len(product.authorised(viewer, "sd")) for viewer in (late, other)] == [2, 1]
