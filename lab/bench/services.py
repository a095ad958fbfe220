"""Processes with a supervisor, as under systemd: a process that ends unexpectedly is started again."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import requests

from lab import tied
from lab.bench.environment import HOST, BenchFailed
from lab.bench.processes import children

# The default of systemd's `RestartSec`.
RESTART_AFTER_SECONDS = 0.1
STOPPED_WITHIN_SECONDS = 30.0


class Service:
    """A command that is kept running, in a process group of its own. Its output is appended to the log file."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, *, pass_fds: Sequence[int] = ()
    ) -> None:
        self.log = log
        self._pass_fds = pass_fds
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._restart_at = 0.0

    @property
    def pid(self) -> int:
        """The id of the main process; 0 if it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def processes(self, name: str) -> list[int]:
        """Return the ids of the children of the main process that have this name."""
        return children(self.pid, name) if self.pid else []

    def supervise(self) -> None:
        """Start the command if it does not run. Call this often."""
        if self.pid:
            self._restart_at = time.monotonic() + RESTART_AFTER_SECONDS
        elif time.monotonic() >= self._restart_at:
            self._start()

    def kill_tree(self) -> None:
        """Kill the main process and its children together, by SIGKILL."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> int:
        """Ask the process to stop, and kill it if it does not. Return the exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(STOPPED_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill_tree()
            return -signal.SIGKILL

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self._process = tied.start(
                self._command, self._environment, stdout=log, stderr=log, pass_fds=self._pass_fds
            )
        self._restart_at = time.monotonic() + RESTART_AFTER_SECONDS


class WebServer(Service):
    """A gunicorn on a port of its own; see `web_server`."""

    def __init__(self, listener: socket.socket, environment: Mapping[str, str], log: Path, *options: str) -> None:
        descriptor = listener.fileno()
        command = ["-m", "gunicorn", "--config", "python:ops.gunicorn_settings", "--bind", f"fd://{descriptor}"]
        super().__init__([*command, *options], environment, log, pass_fds=[descriptor])
        self.port: int = listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"

    def answers(self) -> bool:
        """Tell whether the server responds to a request."""
        try:
            return requests.get(f"{self.url}/healthz", timeout=1).ok
        except requests.RequestException:
            return False


@contextmanager
def web_server(environment: Mapping[str, str], log: Path, *options: str) -> Iterator[WebServer]:
    """Yield a server, and reserve its port inside the block, so that no other process takes it between two starts."""
    with socket.create_server((HOST, 0), backlog=1024) as listener:
        yield WebServer(listener, environment, log, *options)


def qcluster(environment: Mapping[str, str], log: Path) -> Service:
    """Return `manage.py qcluster` as a service."""
    return Service(["manage.py", "qcluster"], environment, log)


class Supervisor:
    """Runs services inside the block. None of them outlives the block."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for service in self._services:
            service.kill_tree()

    def wait(self, seconds: float) -> None:
        """Supervise the services for this number of seconds."""
        until = time.monotonic() + seconds
        while True:
            for service in self._services:
                service.supervise()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.02))

    def wait_for(self, condition: Callable[[], object], what: str, *, seconds: float) -> None:
        """Supervise the services until the condition holds. Raises BenchFailed if it does not hold in time."""
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise BenchFailed(f"{what}: not within {seconds:.0f} s.")
            self.wait(0.02)
