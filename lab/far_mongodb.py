"""MongoDB with the latency of a distant server: a proxy on this machine that delays what it passes on."""

import asyncio
from contextlib import suppress
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

HOST = "127.0.0.1"
BYTES_AT_ONCE = 65536

_Chunk = tuple[float, bytes]


class FarMongodb:
    """Listens on a free port and passes each connection on.

    A round-trip takes `seconds` longer than without the proxy.
    """

    def __init__(self, uri: str, *, seconds: float) -> None:
        self._parts = urlsplit(uri)
        self._one_way_seconds = seconds / 2
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass_on, HOST, 0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._server:
            self._server.close()

    @property
    def uri(self) -> str:
        """Return the URI of the proxy.

        Clients must not ask the server for its address, or they would connect to the server directly.
        """
        user, _at, _host = self._parts.netloc.rpartition("@")
        port = self._server.sockets[0].getsockname()[1] if self._server else 0
        options = {name: value for name, value in parse_qsl(self._parts.query) if name != "replicaSet"}
        query = urlencode(options | {"directConnection": "true"})
        return self._parts._replace(netloc=f"{user}{_at}{HOST}:{port}", query=query).geturl()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(self._delay(reader, there[1]), self._delay(there[0], writer))

    async def _delay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Write what is read, in order, each part after its delay."""
        way: asyncio.Queue[_Chunk] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(way, writer))
        loop = asyncio.get_running_loop()
        while sent := await reader.read(BYTES_AT_ONCE):
            way.put_nowait((loop.time() + self._one_way_seconds, sent))
        way.put_nowait((loop.time() + self._one_way_seconds, b""))
        await arriving

    async def _arrive(self, way: asyncio.Queue[_Chunk], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while (part := await way.get())[1]:
            await asyncio.sleep(part[0] - loop.time())
            writer.write(part[1])
            await writer.drain()
        writer.close()
