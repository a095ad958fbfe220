"""A separate MongoDB server that can be killed, left without disk space, and started again."""

import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

from lab import embedded_mongo
from lab.bench.environment import BenchFailed

PORT = 27717


class Mongod:
    """An embedded MongoDB server with its data in a directory. It has the same address after each start."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = PORT
        self.uri = ""

    def start(self) -> None:
        """Start the server and wait until it accepts writes. Raises BenchFailed if another process has its port."""
        uri = embedded_mongo.start(self._directory, self._port)
        if self.uri not in ("", uri):
            raise BenchFailed("MongoDB came back at another address.")
        self.uri = uri
        self._port = int(uri.partition("/?")[0].rpartition(":")[2])

    @property
    def pid(self) -> int:
        """The id of the process that runs, or that ran last."""
        return int((self._directory / "db" / "mongod.lock").read_text(encoding="ascii"))

    def kill(self) -> None:
        """Kill the server by SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)

    def fill_disk(self) -> None:
        """Let none of the server's files grow. The server then ends at its next write, as if the disk were full."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def is_alive(self) -> bool:
        """Tell whether the server runs."""
        return embedded_mongo.is_alive(self._directory)

    def stop(self) -> None:
        """Stop the server if it runs. An earlier run may have left it frozen."""
        if self.is_alive():
            os.kill(self.pid, signal.SIGCONT)
        with suppress(embedded_mongo.EmbeddedMongoError):
            embedded_mongo.stop(self._directory)
