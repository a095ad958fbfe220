"""A payer who subscribes after the start is let in within a second. This is measured while no other test runs."""

import time
from pathlib import Path

import pytest

from lab.loopback.webhooks import Webhooks
from lab.loopback.websocket import PusherSockets
from tests.e2e.phone import phone_of, start_show
from tests.e2e.running_product import run_product

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.long]

LET_IN_WITHIN_SECONDS = 1.0


def test_payer_who_subscribes_late_is_let_in_within_a_second(db: None, tmp_path: Path) -> None:
    with run_product(tmp_path) as product:
        late, other, _stranger = product.viewers
        start_show(product, [late, other])
        with (
            PusherSockets(product.stand_ins.pusher) as sockets,
            Webhooks(product.stand_ins.pusher, f"{product.streamer.base_url}/pusher/webhook"),
            phone_of(late, sockets, product) as phone,
        ):
            phone.subscribe(f"presence-stream-viewer@{product.streamer.id}.sd.{late.id}")
            subscribed_at = time.monotonic()
            phone.next_event()
            assert time.monotonic() - subscribed_at < LET_IN_WITHIN_SECONDS
