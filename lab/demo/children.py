"""The processes of the demo, which write log files and end with the demo."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from config.errors import ProductError
from lab import tied

ENDED_WITHIN_SECONDS = 10.0
DONE_WITHIN_SECONDS = 60.0
LINES_SHOWN = 15


class DemoFailed(ProductError):
    """A process of the demo ended, or an expected step did not happen in time. The text names the log."""

    code = "demo_failed"


class Children:
    """Starts processes, and ends those that are still running at the end of the block. Each has a log `{name}.log`."""

    def __init__(self, environment: Mapping[str, str], log_dir: Path) -> None:
        self._environment = environment
        self._log_dir = log_dir
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._are_asked_to_end = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        # A second Ctrl-C must not leave processes behind.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._end()
        finally:
            signal.signal(signal.SIGINT, previous)

    def start(self, name: str, command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> None:
        """Start a process that runs until the end of the block."""
        with self._log(name).open("wb") as log:
            self._running[name] = tied.start(command, self._environment, stdout=log, stderr=log, pass_fds=pass_fds)

    def run(self, name: str, command: Sequence[str]) -> str:
        """Run a process until it ends, and return its output. Raises DemoFailed."""
        with self._log(name).open("wb") as log:
            self._running[name] = process = tied.start(command, self._environment, stdout=subprocess.PIPE, stderr=log)
            try:
                printed, _nothing = process.communicate(timeout=DONE_WITHIN_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise self._failure(name, f"took more than {DONE_WITHIN_SECONDS:.0f} s") from error
        if process.returncode != 0:
            raise self._failure(name, f"exited with {process.returncode}")
        del self._running[name]
        return printed.decode()

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that should be running."""
        return [process.pid for process in self._running.values()]

    def terminate(self) -> None:
        """Ask all processes to end, but do not wait for them. The end of the block waits for them."""
        self._are_asked_to_end = True
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.terminate()

    def check(self) -> None:
        """Raise DemoFailed if a process that should still be running has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise self._failure(name, f"ended with {process.returncode}")

    def _end(self) -> None:
        if not self._are_asked_to_end:  # a qcluster that is asked twice kills its tasks
            self.terminate()
        deadline = time.monotonic() + ENDED_WITHIN_SECONDS
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with its children
            process.wait()
        self._running.clear()

    def _log(self, name: str) -> Path:
        return self._log_dir / f"{name}.log"

    def _failure(self, name: str, what: str) -> DemoFailed:
        lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-LINES_SHOWN:]
        excerpt = "".join(f"\n    {line}" for line in lines)
        return DemoFailed(f"{name} {what}; its log is {self._log(name)}{excerpt}")
