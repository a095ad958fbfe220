"""The stand-in for Pusher's webhooks signs as Pusher does, and repeats webhooks that were not accepted."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from pusher import Pusher

from lab.loopback.exchange import Answer, LoopbackRequest
from lab.loopback.hub import Member
from lab.loopback.pusher import PusherLoopback
from lab.loopback.server import LoopbackServer
from lab.loopback.webhooks import Webhooks
from tests.contract import keys
from tests.taskqueue.clusters import eventually

CHANNEL = "presence-stream-viewer@1.sd.2"


class Backend(LoopbackServer):
    """An app's server, which keeps the webhooks that Pusher's own package finds genuine."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, str]] = []
        self._pusher = Pusher(app_id=keys.PUSHER_APP_ID, key=keys.PUSHER_KEY, secret=keys.PUSHER_SECRET)

    def answer(self, request: LoopbackRequest) -> Answer:
        headers = request.headers
        genuine: Any = self._pusher.validate_webhook(
            key=headers["x-pusher-key"], signature=headers["x-pusher-signature"], body=request.body.decode()
        )
        if genuine is None:
            return Answer(403, b"", reason="not genuine")
        self.events += genuine["events"]
        return Answer(200, b"{}")

    def counts(self) -> dict[str, Counter[str]]:
        return {"events": Counter(event["name"] for event in self.events)}


class Socket:
    def send(self, message: str) -> None:
        pass


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        yield backend


def test_members_and_channels_are_reported(pusher_server: PusherLoopback, backend: Backend) -> None:
    phone, tablet, hub = Socket(), Socket(), pusher_server.hub
    with Webhooks(pusher_server, f"http://{backend.address}/pusher/webhook"):
        for socket in (phone, tablet):
            hub.subscribe(socket, CHANNEL, Member("2", None))
        hub.disconnect(phone)
        hub.unsubscribe(tablet, CHANNEL)
        hub.unsubscribe(tablet, CHANNEL)
        eventually(lambda: len(backend.events) == 4, 5.0)

    names = ("channel_occupied", "member_added", "member_removed", "channel_vacated")
    assert backend.events == [
        {"name": name, "channel": CHANNEL, **({"user_id": "2"} if name.startswith("member") else {})} for name in names
    ]
    hub.subscribe(phone, CHANNEL, Member("2", None))
    assert (backend.requests, backend.rejected) == (1, 0)


def test_webhook_that_is_not_taken_is_repeated(pusher_server: PusherLoopback, backend: Backend) -> None:
    backend.fail_next(status=500)
    backend.reset_next()
    with Webhooks(pusher_server, f"http://{backend.address}/pusher/webhook") as webhooks:
        pusher_server.hub.subscribe(Socket(), CHANNEL, Member("2", None))
        eventually(lambda: webhooks.taken, 5.0)
    assert (backend.requests, backend.events) == (3, webhooks.taken)
