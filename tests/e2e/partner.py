"""A partner that runs docs/examples/back_office.py beside the product, with a key that staff have made."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.models import Scope, ServerKey
from api.server_keys import digest, new_key
from lab import tied
from tests.e2e.running_product import Person, RunningProduct

PROGRAM = "docs/examples/back_office.py"
STOPPED_WITHIN_SECONDS = 10


@dataclass
class Partner:
    """The partner: the caller with the key, the endpoint, and the process that serves the endpoint."""

    key: Person
    directory: Path
    port: int
    endpoint: dict[str, Any] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run the program."""
        environment = {
            **os.environ,
            "API": self.key.base_url,
            "KEY": self.key.access,
            "SECRET": self.endpoint["secret"],
            "FILE": str(self.directory / "back-office.sqlite"),
        }
        with (self.directory / "back-office.log").open("ab") as log:
            self._process = tied.start([PROGRAM, str(self.port)], environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """Kill the program, as if its machine had lost power."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOPPED_WITHIN_SECONDS)

    def change(self, **fields: Any) -> None:
        """Change the endpoint."""
        self.key.call("PATCH", f"/webhook-endpoints/{self.endpoint['id']}", fields)

    def attempts(self) -> list[dict[str, Any]]:
        """Return the latest calls to the endpoint, newest first."""
        path = f"/webhook-endpoints/{self.endpoint['id']}/attempts?page_size=200"
        rows: list[dict[str, Any]] = self.key.get(path)["results"]
        return rows

    def copy(self) -> dict[str, dict[str, Any]]:
        """Return what the program knows: {goal: {name: value}}."""
        goals: dict[str, dict[str, Any]] = {}
        with closing(sqlite3.connect(self.directory / "back-office.sqlite")) as file:
            for goal, name, value in file.execute("select goal, name, value from facts"):
                goals.setdefault(goal, {})[name] = json.loads(value)
        return goals


@contextmanager
def partner_of(product: RunningProduct, directory: Path) -> Iterator[Partner]:
    """Give a partner a key and an endpoint, and run the program inside the block."""
    key = new_key()
    fields = {"digest": digest(key), "start": key[:8], "created_at": datetime.now(UTC), "created_by": "admin"}
    ServerKey.objects.create(name="back office", scopes=[Scope.READ.value, Scope.WEBHOOKS.value], **fields)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    partner = Partner(Person("", key, product.streamer.base_url), directory, port)
    url = f"http://127.0.0.1:{port}/"
    partner.endpoint = partner.key.post("/webhook-endpoints", {"url": url}, wanted=201)
    partner.start()
    try:
        yield partner
    finally:
        partner.kill()
