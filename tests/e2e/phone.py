"""A payer's phone that listens to Pusher, and a show into which payers are let."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from lab.bodies import show_body
from lab.loopback.websocket import PusherSockets
from tests.e2e.running_product import Person, RunningProduct
from tests.e2e.test_life import fund


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


def start_show(product: RunningProduct, payers: list[Person]) -> None:
    """Let the viewers pay for a show that starts at once, and wait until each of them was sent the credentials."""
    body = show_body(fund(product, payers), product.session_id, nbf=int(time.time()), target_seconds=600)
    product.streamer.post("/goals?type=show", body, wanted=201)
    product.until(lambda: all(product.authorised(payer, "sd") for payer in payers))
