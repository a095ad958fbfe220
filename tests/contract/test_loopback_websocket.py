"""The WebSocket server of the stand-in speaks version 7 of Pusher's protocol, and refuses what Pusher refuses."""

import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from lab.loopback.hub import MEMBERS_PER_CHANNEL, Member
from lab.loopback.pusher import PusherLoopback
from lab.loopback.websocket import PusherSockets
from notifications.backends.base import ChannelEvent
from notifications.backends.pusher import PusherRealtime
from tests.contract import keys
from tests.contract.sending import batch, broadcast

PUBLIC, PRIVATE, PRESENCE = "news", "private-user@1", "presence-stream@1"
ANSWERS_WITHIN_SECONDS = 5.0
Message = dict[str, Any]
PONG: Message = {"event": "pusher:pong", "data": {}}


class Client:
    """A client. It does not sign in, because each subscription has its own signature."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.greeting = self.hear()
        self.socket_id: str = self.greeting["data"]["socket_id"]

    def say(self, event: str, **data: Any) -> None:
        self.connection.send(json.dumps({"event": event, "data": data}))

    def hear(self) -> Message:
        """Return the next message. Its data are JSON within JSON, so they are decoded twice."""
        message: Message = json.loads(self.connection.recv(timeout=ANSWERS_WITHIN_SECONDS))
        if isinstance(message["data"], str):
            message["data"] = json.loads(message["data"])
        return message

    def subscribe(self, channel: str, backend: PusherRealtime | None = None, user: str | None = None) -> Message:
        """Subscribe with the backend's signature, and return the reply. A presence channel needs a user."""
        presence = {"user_id": user, "user_info": {"name": f"user {user}"}} if user else None
        signed = backend.authenticate(channel, self.socket_id, presence) if backend else {}
        self.say("pusher:subscribe", channel=channel, **signed)
        return self.hear()

    def hears_nothing(self) -> bool:
        """Tell whether no message comes before the reply to a ping."""
        self.say("pusher:ping")
        return self.hear() == PONG


class Deaf:
    """A subscriber that has no connection, so that messages to it are lost."""

    def send(self, message: str) -> None:
        pass


@pytest.fixture
def sockets(pusher_server: PusherLoopback) -> Iterator[PusherSockets]:
    with PusherSockets(pusher_server) as sockets:
        yield sockets


@pytest.fixture
def client(sockets: PusherSockets) -> Iterator[Client]:
    with connect(url(sockets), proxy=None) as connection:
        yield Client(connection)


@pytest.fixture
def other(sockets: PusherSockets) -> Iterator[Client]:
    with connect(url(sockets), proxy=None) as connection:
        yield Client(connection)


def url(sockets: PusherSockets, target: str = f"/app/{keys.PUSHER_KEY}?protocol=7&client=js&version=8.6.0") -> str:
    return f"ws://{sockets.host}:{sockets.port}{target}"


def succeeded(channel: str, *users: str) -> Message:
    """Return the expected reply to a subscription. On a presence channel, the reply lists the members."""
    infos = {user: {"name": f"user {user}"} for user in users}
    data = {"presence": {"ids": list(users), "hash": infos, "count": len(users)}} if users else {}
    return {"event": "pusher_internal:subscription_succeeded", "channel": channel, "data": data}


def error(text: str) -> Message:
    return {"event": "pusher:error", "data": {"message": text}}


def test_each_client_gets_a_socket_id(client: Client, other: Client) -> None:
    assert client.greeting == {
        "event": "pusher:connection_established",
        "data": {"socket_id": client.socket_id, "activity_timeout": 120},
    }
    assert client.socket_id != other.socket_id


@pytest.mark.parametrize(
    ("target", "code", "reason"),
    [
        ("/elsewhere", 4005, "Path not found"),
        ("/app/another?protocol=7", 4001, "Application does not exist"),
        (f"/app/{keys.PUSHER_KEY}", 4008, "No protocol version supplied"),
        (f"/app/{keys.PUSHER_KEY}?protocol=3", 4007, "Unsupported protocol version"),
    ],
)
def test_wrong_address_closes_the_connection(sockets: PusherSockets, target: str, code: int, reason: str) -> None:
    with connect(url(sockets, target), proxy=None) as connection, pytest.raises(ConnectionClosedError) as closed:
        connection.recv(timeout=ANSWERS_WITHIN_SECONDS)
    assert closed.value.rcvd
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


def test_ping_is_answered(client: Client) -> None:
    client.say("pusher:ping")
    assert client.hear() == PONG


def test_signed_subscriptions_succeed(client: Client, pusher: PusherRealtime) -> None:
    assert client.subscribe(PUBLIC) == succeeded(PUBLIC)
    assert client.subscribe(PRIVATE, pusher) == succeeded(PRIVATE)
    assert client.subscribe(PRESENCE, pusher, "a") == succeeded(PRESENCE, "a")


@pytest.mark.parametrize("channel", [PRIVATE, PRESENCE])
def test_signature_must_be_of_the_secret_and_the_socket(
    client: Client, other: Client, pusher: PusherRealtime, pusher_server: PusherLoopback, channel: str
) -> None:
    user = {"user_id": "a"} if channel == PRESENCE else None
    forged = keys.pusher_backend(pusher_server, secret=keys.WRONG_SECRET)
    for signed in (
        forged.authenticate(channel, client.socket_id, user),
        pusher.authenticate(channel, other.socket_id, user),
        pusher.authenticate(f"{channel}2", client.socket_id, user),
    ):
        client.say("pusher:subscribe", channel=channel, **signed)
        assert client.hear() == error(f"Invalid signature for {channel}")


def test_private_channel_needs_a_signature(client: Client) -> None:
    assert client.subscribe(PRIVATE) == error(f"Invalid signature for {PRIVATE}")


def test_presence_channel_needs_channel_data(client: Client) -> None:
    assert client.subscribe(PRESENCE) == error(f"channel_data is missing for {PRESENCE}")


def test_channel_data_must_be_what_was_signed(client: Client, pusher: PusherRealtime) -> None:
    signed = pusher.authenticate(PRESENCE, client.socket_id, {"user_id": "a"})
    client.say("pusher:subscribe", channel=PRESENCE, auth=signed["auth"], channel_data='{"user_id": "b"}')
    assert client.hear() == error(f"Invalid signature for {PRESENCE}")


@pytest.mark.parametrize(
    ("presence", "text"),
    [
        ({"name": "a"}, "channel_data has no valid user_id"),
        ({"user_id": "a", "user_info": "x" * 1024}, "channel_data is more than 1024 bytes"),
    ],
)
def test_member_needs_an_id_and_is_small(
    client: Client, pusher_server: PusherLoopback, presence: dict[str, str], text: str
) -> None:
    data = json.dumps(presence)
    signed = f"{client.socket_id}:{PRESENCE}:{data}".encode()
    signature = hmac.digest(keys.PUSHER_SECRET.encode(), signed, "sha256").hex()
    client.say("pusher:subscribe", channel=PRESENCE, auth=f"{keys.PUSHER_KEY}:{signature}", channel_data=data)
    assert client.hear() == error(text)


def test_second_subscription_of_a_socket_is_refused(client: Client) -> None:
    client.subscribe(PUBLIC)
    assert client.subscribe(PUBLIC) == error(f"Existing subscription to channel {PUBLIC}")


def test_invalid_channel_name_is_refused(client: Client) -> None:
    assert client.subscribe("two words") == error("Invalid channel name")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"event": "client-typing", "channel": "private-user@1"}', "Client events are not enabled for this app"),
        ('{"event": "pusher:signin", "data": {}}', "Unknown event pusher:signin"),
        ('{"event": 1}', "The message has no event"),
        ("{", "The message is not JSON"),
    ],
)
def test_unknown_message_is_refused(client: Client, text: str, answer: str) -> None:
    client.connection.send(text)
    assert client.hear() == error(answer)


def test_event_over_http_reaches_subscribers(client: Client, other: Client, pusher: PusherRealtime) -> None:
    client.subscribe(PRIVATE, pusher)
    client.subscribe(PUBLIC)
    other.subscribe(PUBLIC)

    broadcast(pusher, [PRIVATE, PUBLIC], "goal.added", '{"title":"\u821e"}')
    batch(pusher, [ChannelEvent(PUBLIC, "goal.started", "{}")])

    added = {"event": "goal.added", "data": {"title": "\u821e"}}
    assert client.hear() == added | {"channel": PRIVATE}
    assert client.hear() == other.hear() == added | {"channel": PUBLIC}
    assert client.hear() == other.hear() == {"event": "goal.started", "channel": PUBLIC, "data": {}}


def test_event_without_subscribers_is_dropped(
    client: Client, pusher: PusherRealtime, pusher_server: PusherLoopback
) -> None:
    broadcast(pusher, [PUBLIC], "goal.added", "{}")
    client.subscribe(PUBLIC)

    assert client.hears_nothing()
    assert [event.name for event in pusher_server.events] == ["goal.added"]


def test_unsubscribed_socket_hears_nothing(client: Client, pusher: PusherRealtime) -> None:
    client.subscribe(PUBLIC)
    client.say("pusher:unsubscribe", channel=PUBLIC)
    assert client.hears_nothing()
    broadcast(pusher, [PUBLIC], "goal.added", "{}")
    assert client.hears_nothing()


def test_members_hear_of_each_other(client: Client, other: Client, pusher: PusherRealtime) -> None:
    client.subscribe(PRESENCE, pusher, "a")
    assert other.subscribe(PRESENCE, pusher, "b") == succeeded(PRESENCE, "a", "b")

    data = {"user_id": "b", "user_info": {"name": "user b"}}
    assert client.hear() == {"event": "pusher_internal:member_added", "channel": PRESENCE, "data": data}
    other.connection.close()
    removed = {"event": "pusher_internal:member_removed", "channel": PRESENCE, "data": {"user_id": "b"}}
    assert client.hear() == removed


def test_user_with_two_sockets_is_one_member(
    client: Client, other: Client, pusher: PusherRealtime, sockets: PusherSockets
) -> None:
    client.subscribe(PRESENCE, pusher, "a")
    other.subscribe(PRESENCE, pusher, "b")
    client.hear()
    with connect(url(sockets), proxy=None) as connection:
        second = Client(connection)
        assert second.subscribe(PRESENCE, pusher, "b") == succeeded(PRESENCE, "a", "b")
        other.say("pusher:unsubscribe", channel=PRESENCE)
        assert other.hears_nothing()

        assert client.hears_nothing()


def test_presence_channel_holds_100_members(
    client: Client, pusher: PusherRealtime, pusher_server: PusherLoopback
) -> None:
    for number in range(MEMBERS_PER_CHANNEL):
        pusher_server.hub.subscribe(Deaf(), PRESENCE, Member(f"{number}", None))

    assert client.subscribe(PRESENCE, pusher, "one more") == error(f"Channel {PRESENCE} has 100 members already")
    assert client.subscribe(PRESENCE, pusher, "7")["data"]["presence"]["count"] == 100
