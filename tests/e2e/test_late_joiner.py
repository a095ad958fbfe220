"""A payer's phone that subscribes after the start is sent its credentials, because Pusher reports the subscription."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from lab.bodies import show_body
from lab.loopback.webhooks import Webhooks
from lab.loopback.websocket import PusherSockets
from tests.e2e.running_product import Person, RunningProduct
from tests.e2e.test_life import fund

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow]

LET_IN_WITHIN_SECONDS = 1.0


class Phone:
    """A payer's client, with one socket."""

    def __init__(self, connection: ClientConnection, owner: Person) -> None:
        self._connection = connection
        self._owner = owner
        self._socket_id = self._hear()["data"]["socket_id"]

    def subscribe(self, channel: str) -> None:
        signed = self._owner.post("/pusher/auth", {"socket_id": self._socket_id, "channel_name": channel})
        self._connection.send(json.dumps({"event": "pusher:subscribe", "data": {"channel": channel, **signed}}))
        assert self._hear()["event"] == "pusher_internal:subscription_succeeded"

    def next_event(self) -> Any:
        return self._hear(timeout=20.0)["data"]

    def hears_nothing(self, seconds: float) -> bool:
        with pytest.raises(TimeoutError):
            self._hear(timeout=seconds)
        return True

    def _hear(self, timeout: float = 5.0) -> Any:
        message = json.loads(self._connection.recv(timeout=timeout))
        return {**message, "data": json.loads(message["data"])}


@contextmanager
def phone_of(owner: Person, sockets: PusherSockets, product: RunningProduct) -> Iterator[Phone]:
    url = f"ws://{sockets.host}:{sockets.port}/app/{product.stand_ins.pusher.key}?protocol=7"
    with connect(url, proxy=None) as connection:
        yield Phone(connection, owner)


def test_payer_who_subscribes_late_is_let_in(product: RunningProduct) -> None:
    late, other, _stranger = product.viewers
    funding_goal_id = fund(product, [late, other])
    body = show_body(funding_goal_id, product.session_id, nbf=int(time.time()), target_seconds=600)
    product.streamer.post("/goals?type=show", body, wanted=201)
    product.until(lambda: product.authorised(late, "sd") and product.authorised(other, "sd"))
    (missed,) = product.authorised(late, "sd")
    url = f"{product.streamer.base_url}/pusher/webhook"
    with (
        PusherSockets(product.stand_ins.pusher) as sockets,
        Webhooks(product.stand_ins.pusher, url) as webhooks,
        phone_of(late, sockets, product) as phone,
        phone_of(late, sockets, product) as second,
    ):
        phone.subscribe(f"presence-stream-viewer@{product.streamer.id}.sd.{late.id}")
        subscribed_at = time.time()
        got = phone.next_event()
        arrived_at = time.time()
        second.subscribe(f"presence-stream-viewer@{product.streamer.id}.sd.{late.id}")  # the same user
        (member_added,) = [report for report in webhooks.taken if report["name"] == "member_added"]
        webhooks.send([member_added], at=time.time())
        assert phone.hears_nothing(2.0)

    assert arrived_at - subscribed_at < LET_IN_WITHIN_SECONDS
    assert (got["event_id"], got["redelivery"], got["exp"]) == (missed.data["event_id"], 1, missed.data["exp"])
    assert set(got) == {*missed.data, "redelivery"}
    assert [len(product.authorised(viewer, "sd")) for viewer in (late, other)] == [2, 1]
