"""A proxy on this machine that passes TCP connections on, and can delay the data."""

import asyncio
from contextlib import suppress
from typing import Self

HOST = "127.0.0.1"
BYTES_AT_ONCE = 65536

_Chunk = tuple[float, bytes]


class Relay:
    """Listens on a free port and passes each connection on to another server.

    A round-trip takes `seconds` longer than without the relay.
    """

    def __init__(self, host: str, port: int, *, seconds: float = 0.0) -> None:
        self.port = 0
        self._host = host
        self._port = port
        self._one_way_seconds = seconds / 2

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass_on, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(self._host, self._port)
        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(self._delay(reader, there[1]), self._delay(there[0], writer))

    async def _delay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on the parts that are read, in order. Each part is written after a delay."""
        way: asyncio.Queue[_Chunk] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(way, writer))
        loop = asyncio.get_running_loop()
        try:
            while sent := await reader.read(BYTES_AT_ONCE):
                way.put_nowait((loop.time() + self._one_way_seconds, sent))
            way.put_nowait((loop.time() + self._one_way_seconds, b""))
            await arriving
        finally:
            arriving.cancel()

    async def _arrive(self, way: asyncio.Queue[_Chunk], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while (part := await way.get())[1]:
            await asyncio.sleep(part[0] - loop.time())
            writer.write(part[1])
            await writer.drain()
        writer.close()
