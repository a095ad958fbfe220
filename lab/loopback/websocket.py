"""A stand-in for Pusher's WebSockets, protocol version 7.

It verifies the signatures of an auth endpoint according to Pusher's docs (2025-06). It shares no code with the
endpoint, so that it finds mistakes there. The hub passes the events that `PusherLoopback` accepts over HTTP to the
sockets.
"""

import asyncio
import hmac
import json
import secrets
from contextlib import suppress
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from lab.loopback.hub import CHANNEL, PRESENCE, Member, Refused, as_message
from lab.loopback.pusher import PusherLoopback

PROTOCOL = "7"
ACTIVITY_TIMEOUT_SECONDS = 120
PONG_TIMEOUT_SECONDS = 30
USER_ID_CHARACTERS = 128
MEMBER_BYTES = 1024
_PRIVATE = "private-"
_SOCKET_NUMBERS = 10**9


class PusherSockets:
    """Serves WebSockets of one app's clients on 127.0.0.1. Use it as a context manager. Client events are off."""

    host = "127.0.0.1"

    def __init__(self, pusher: PusherLoopback) -> None:
        self.port = 0
        self._key = pusher.key
        self._secret = pusher.secret
        self._hub = pusher.hub
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.come_back()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.go_away()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def go_away(self) -> None:
        """Close all sockets, and refuse new ones."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()

    def come_back(self) -> None:
        """Listen on the same port as before, or on any free port the first time."""
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]

    async def _listen(self) -> Server:
        return await serve(
            self._converse,
            self.host,
            self.port,
            ping_interval=ACTIVITY_TIMEOUT_SECONDS,
            ping_timeout=PONG_TIMEOUT_SECONDS,
        )

    async def _stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _converse(self, connection: ServerConnection) -> None:
        """Greet the client, and reply to its messages until it disconnects."""
        if refusal := self._refusal(connection):
            await connection.close(*refusal)
            return
        socket = _Socket(connection, self._loop)
        data = {"socket_id": socket.socket_id, "activity_timeout": ACTIVITY_TIMEOUT_SECONDS}
        socket.send(as_message("pusher:connection_established", json.dumps(data)))
        try:
            with suppress(ConnectionClosed):
                async for text in connection:
                    self._answer(socket, text)
        finally:
            self._hub.disconnect(socket)

    def _refusal(self, connection: ServerConnection) -> tuple[int, str] | None:
        """Return the code and the reason with which to close the connection, or None if the client may stay."""
        url = urlsplit(connection.request.path if connection.request else "")
        app, _slash, key = url.path.rpartition("/")
        if app != "/app":
            return 4005, "Path not found"
        if key != self._key:
            return 4001, "Application does not exist"
        protocols = parse_qs(url.query).get("protocol")
        if not protocols:
            return 4008, "No protocol version supplied"
        return None if protocols == [PROTOCOL] else (4007, "Unsupported protocol version")

    def _answer(self, socket: "_Socket", text: str | bytes) -> None:
        try:
            self._obey(socket, *_parse(text))
        except Refused as refusal:
            # No code is sent: the documented codes close the connection, or concern limits that are not implemented.
            socket.send(as_message("pusher:error", {"message": str(refusal)}))

    def _obey(self, socket: "_Socket", event: str, data: dict[str, Any]) -> None:
        if event == "pusher:ping":
            socket.send(as_message("pusher:pong", {}))
        elif event == "pusher:subscribe":
            self._subscribe(socket, data)
        elif event == "pusher:unsubscribe":
            self._hub.unsubscribe(socket, str(data.get("channel")))
        elif event.startswith("client-"):
            raise Refused("Client events are not enabled for this app")
        elif event != "pusher:pong":
            raise Refused(f"Unknown event {event}")

    def _subscribe(self, socket: "_Socket", data: dict[str, Any]) -> None:
        channel = data.get("channel")
        if not isinstance(channel, str) or not CHANNEL.fullmatch(channel):
            raise Refused("Invalid channel name")
        if channel.startswith((_PRIVATE, PRESENCE)):
            self._check_auth(socket, channel, data)
        member = _member(data["channel_data"]) if channel.startswith(PRESENCE) else None
        self._hub.subscribe(socket, channel, member)

    def _check_auth(self, socket: "_Socket", channel: str, data: dict[str, Any]) -> None:
        """Verify that the subscription (and the member, if any) is signed with the app's secret for this socket."""
        parts = [socket.socket_id, channel]
        if channel.startswith(PRESENCE):
            if not isinstance(data.get("channel_data"), str):
                raise Refused(f"channel_data is missing for {channel}")
            parts.append(data["channel_data"])
        key, _colon, signature = str(data.get("auth")).partition(":")
        expected = hmac.digest(self._secret.encode(), ":".join(parts).encode(errors="surrogatepass"), "sha256").hex()
        if key != self._key or not hmac.compare_digest(signature.encode(errors="surrogatepass"), expected.encode()):
            raise Refused(f"Invalid signature for {channel}")


class _Socket:
    """One client, as the hub knows it."""

    def __init__(self, connection: ServerConnection, loop: asyncio.AbstractEventLoop) -> None:
        self.socket_id = f"{secrets.randbelow(_SOCKET_NUMBERS)}.{secrets.randbelow(_SOCKET_NUMBERS)}"
        self._connection = connection
        self._loop = loop

    def send(self, message: str) -> None:
        """Send from any thread. Nothing is sent on a connection that is being closed."""
        self._loop.call_soon_threadsafe(broadcast, [self._connection], message)


def _parse(text: str | bytes) -> tuple[str, dict[str, Any]]:
    """Return the event's name and its data."""
    try:
        message = json.loads(text)
    except ValueError as error:
        raise Refused("The message is not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("event"), str):
        raise Refused("The message has no event")
    data = message.get("data")
    return message["event"], data if isinstance(data, dict) else {}


def _member(channel_data: str) -> Member:
    try:
        member = json.loads(channel_data)
    except ValueError as error:
        raise Refused("channel_data is not JSON") from error
    user_id = member.get("user_id") if isinstance(member, dict) else None
    if not isinstance(user_id, str) or not 0 < len(user_id) <= USER_ID_CHARACTERS:
        raise Refused("channel_data has no valid user_id")
    if len(channel_data.encode(errors="surrogatepass")) > MEMBER_BYTES:
        raise Refused(f"channel_data is more than {MEMBER_BYTES} bytes")
    return Member(user_id, member.get("user_info"))
