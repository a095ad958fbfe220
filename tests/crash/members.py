"""MongoDB servers that can be killed, frozen and thawed: a replica set of three, or of one."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from lab.embedded_mongo import OPTIONS
from lab.mongod_binary import find_mongod

ELECTED_WITHIN_SECONDS = 60.0


class Member:
    """One server of a replica set. It keeps its address when it restarts."""

    def __init__(self, directory: Path) -> None:
        self._data = directory
        (directory / "db").mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.host = f"127.0.0.1:{listener.getsockname()[1]}"

    def start(self) -> None:
        """Start the server if it does not run, and wait until it listens."""
        if self._is_running():
            return
        log, port = self._data / "log", self.host.rpartition(":")[2]
        command = [str(find_mongod()), "--dbpath", str(self._data / "db"), "--logpath", str(log), *OPTIONS]
        subprocess.run([*command, "--port", port, "--replSet", "rs0"], stdout=subprocess.DEVNULL, check=True)

    def signal(self, number: int) -> None:
        """Send SIGKILL, SIGSTOP or SIGCONT."""
        os.kill(self._pid(), number)

    def hello(self) -> dict[str, Any]:
        """Return the server's response to `hello`, or {} if there is none."""
        try:
            with self.connect() as client:
                return dict(client.admin.command("hello"))
        except PyMongoError:
            return {}

    def connect(self) -> MongoClient[dict[str, Any]]:
        """Connect to this server only."""
        return MongoClient(self.host, directConnection=True, serverSelectionTimeoutMS=500, socketTimeoutMS=500)

    def _pid(self) -> int:
        return int((self._data / "db" / "mongod.lock").read_text(encoding="ascii"))

    def _is_running(self) -> bool:
        try:
            os.kill(self._pid(), 0)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return False
        return True


class ReplicaSet:
    """Servers that elect a primary, with MongoDB's default times for elections."""

    def __init__(self, directory: Path, *, members: int) -> None:
        self.members = [Member(directory / f"mongo-{number}") for number in range(members)]
        self.uri = f"mongodb://{','.join(member.host for member in self.members)}/?replicaSet=rs0"

    def start(self) -> None:
        """Start the servers and wait for the first primary."""
        for member in self.members:
            member.start()
        hosts = [{"_id": number, "host": member.host} for number, member in enumerate(self.members)]
        with self.members[0].connect() as client:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": hosts})
        self.wait_until(self.is_whole)

    def primary(self, *, besides: Member | None = None) -> Member | None:
        """Return the server that reports that it accepts writes, or None. The server `besides` is not asked."""
        asked = (each for each in self.members if each is not besides)
        return next((each for each in asked if each.hello().get("isWritablePrimary")), None)

    def is_whole(self) -> bool:
        """Tell whether one server is the primary, and all other servers are secondaries."""
        found = [member.hello() for member in self.members]
        return sorted(each.get("isWritablePrimary", False) for each in found) == [
            *[False] * (len(found) - 1),
            True,
        ] and all(each.get("isWritablePrimary") or each.get("secondary") for each in found)

    def repair(self) -> None:
        """Thaw or start all servers, and wait until the set is whole."""
        for member in self.members:
            with suppress(FileNotFoundError, ValueError, ProcessLookupError):
                member.signal(signal.SIGCONT)
            member.start()
        self.wait_until(self.is_whole)

    def stop(self) -> None:
        """Kill all servers."""
        for member in self.members:
            with suppress(FileNotFoundError, ValueError, ProcessLookupError):
                member.signal(signal.SIGKILL)

    @staticmethod
    def wait_until(condition: Callable[[], object]) -> None:
        give_up_at = time.monotonic() + ELECTED_WITHIN_SECONDS
        while not condition():
            assert time.monotonic() < give_up_at, "no primary"
            time.sleep(0.02)
