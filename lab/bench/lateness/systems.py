"""The systems that are measured: the product, and its peers."""

import json
import os
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from lab.bench.environment import BenchFailed
from lab.bench.planting import PlantedShow, queue_starts
from lab.bench.processes import cpu_seconds
from lab.demo.children import Children, DemoFailed
from mongodb.collections import collection
from taskqueue.messages import MESSAGES

SCHEDULED_WITHIN_SECONDS = 60.0
DEAD_WITHIN_SECONDS = 1.0


class System(ABC):
    """Processes that start shows. They run inside the block."""

    title: str

    def __init__(self, environment: Mapping[str, str], log_dir: Path) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self._stack = ExitStack()
        self._children = Children(environment, log_dir)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._children)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def check(self) -> None:
        """Raise BenchFailed if a process has ended."""
        try:
            self._children.check()
        except DemoFailed as error:
            raise BenchFailed(error.detail) from error

    def cpu_seconds(self) -> float:
        """Return the CPU time of all processes of the system, in seconds."""
        return sum(map(cpu_seconds, self._children.pids))

    @abstractmethod
    def schedule(self, shows: Sequence[PlantedShow]) -> None:
        """Let the shows start at their nbf. Raises BenchFailed."""

    @abstractmethod
    def is_idle(self) -> bool:
        """Tell whether the system has nothing left to do for the shows that have started."""


class Product(System):
    """`manage.py qcluster`: one or several clusters on one queue."""

    title = "qcluster"

    def __init__(self, environment: Mapping[str, str], log_dir: Path, *, clusters: int = 1) -> None:
        super().__init__(environment, log_dir)
        self._clusters = clusters

    def __enter__(self) -> Self:
        super().__enter__()
        for number in range(self._clusters):
            self._children.start(f"qcluster-{number}", ["manage.py", "qcluster"])
        return self

    def schedule(self, shows: Sequence[PlantedShow]) -> None:
        queue_starts(shows)

    def is_idle(self) -> bool:
        due, held = {"lock": {"$lte": datetime.now(UTC)}}, {"owner": {"$type": "string"}}
        return collection(MESSAGES).find_one({"$or": [due, held]}) is None


@dataclass(frozen=True, slots=True)
class PeerKind:
    """How a peer is run: `feed` is the module that accepts the shows, and `commands` start its other processes."""

    name: str
    title: str
    feed: str
    commands: Mapping[str, Sequence[str]]
    python: str = sys.executable
    environment: Mapping[str, str] | None = None


class Peer(System):
    """A peer. It receives the shows as lines of JSON over a socket."""

    def __init__(self, kind: PeerKind, environment: Mapping[str, str], log_dir: Path) -> None:
        super().__init__({**environment, **(kind.environment or {})}, log_dir)
        self.title = kind.title
        self._kind = kind

    def __enter__(self) -> Self:
        super().__enter__()
        for name, command in self._kind.commands.items():
            self._start(name, command)
        mine, theirs = socket.socketpair()
        self._stack.callback(mine.close)
        with theirs:
            feed = [self._kind.python, "-m", self._kind.feed, str(theirs.fileno())]
            self._start("feed", feed, pass_fds=[theirs.fileno()])
        mine.settimeout(SCHEDULED_WITHIN_SECONDS)
        self._lines = self._stack.enter_context(mine.makefile("rw"))
        return self

    def schedule(self, shows: Sequence[PlantedShow]) -> None:
        self.feed([(show.goal_id, show.nbf.timestamp()) for show in shows])

    def feed(self, items: Sequence[tuple[str, float]]) -> None:
        """Let the peer act on each item, which is a text and its moment in Unix seconds. Raises BenchFailed."""
        try:
            self._lines.write(json.dumps(items) + "\n")
            self._lines.flush()
            is_scheduled = self._lines.readline() == "scheduled\n"
        except OSError as error:
            raise BenchFailed(f"{self.title}: {type(error).__name__}") from error
        if not is_scheduled:
            time.sleep(DEAD_WITHIN_SECONDS)  # the peer has closed the socket, and is about to end
            self.check()
            raise BenchFailed(f"{self.title} does not take shows.")

    def is_idle(self) -> bool:
        return True  # a peer has nothing to do after the last announcement

    def _start(self, name: str, command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> None:
        """Start any program. `lab.tied` ends the program together with the benchmark."""
        self._children.start(name, ["-m", "lab.tied", str(os.getpid()), *command], pass_fds=pass_fds)
