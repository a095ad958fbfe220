"""Processes with a supervisor, as under systemd: whatever ends without being asked is started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from config.environment import ROOT
from lab.bench.chaos.process_table import children, name_of
from lab.bench.surroundings import BenchFailed

# systemd's `RestartSec`.
RESTART_AFTER_SECONDS = 0.1
STOPPED_WITHIN_SECONDS = 30.0


class Service:
    """A command that should run, in a process group of its own. Its output is appended to the log file."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, *, pass_fds: Sequence[int] = ()
    ) -> None:
        self.log = log
        self._pass_fds = pass_fds
        self._command = [sys.executable, "-m", "lab.demo.tied", str(os.getpid()), sys.executable, *command]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._restart_at = 0.0

    @property
    def pid(self) -> int:
        """The main process; 0 while there is none."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def processes(self, name: str) -> list[int]:
        """Return the children of the main process that have this name."""
        return [pid for pid in children(self.pid) if name_of(pid) == name[:15]] if self.pid else []

    def supervise(self) -> None:
        """Start it if it doesn't run; call this often."""
        if self.pid:
            self._restart_at = time.monotonic() + RESTART_AFTER_SECONDS
        elif time.monotonic() >= self._restart_at:
            self._start()

    def kill_tree(self) -> None:
        """Kill -9 of the main process and its children at once."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> int:
        """Ask it to stop and return its exit code; if it doesn't, kill it."""
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
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self._pass_fds,
                start_new_session=True,
            )
        self._restart_at = time.monotonic() + RESTART_AFTER_SECONDS


class Supervisor:
    """All services; none outlives the block."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for service in self._services:
            service.kill_tree()

    def wait(self, seconds: float) -> None:
        """Supervise for so long."""
        until = time.monotonic() + seconds
        while True:
            for service in self._services:
                service.supervise()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.02))

    def wait_for(self, condition: Callable[[], object], what: str, *, seconds: float) -> None:
        """Supervise until the condition holds. Raises BenchFailed."""
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise BenchFailed(f"{what}: not within {seconds:.0f} s.")
            self.wait(0.02)
