"""Real qclusters, each a process with workers, that tests kill and inspect."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

from django_q.models import Failure

from taskqueue.periodic import periodic_names
from taskqueue.queues import Queue
from taskqueue.results import arguments
from tests.environment import ROOT
from tests.factories.documents import stored
from tests.lab.process_tree import descendants
from tests.taskqueue.tasks import RUNS

READY_WITHIN_SECONDS = 60.0
ENDS_WITHIN_SECONDS = 60.0


class QCluster:
    """A running `manage.py qcluster` that logs into a file."""

    def __init__(self, environment: dict[str, str], log: Path, *arguments: str) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "qcluster", *arguments],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def workers(self, key: str = Queue.WORK.value) -> list[int]:
        """Return the ids of the processes that serve the queue."""
        return [pid for pid in descendants(self.pid) if _name(pid) == key[:15]]

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill_tree(self) -> None:
        """Kill the main process and all workers with SIGKILL, as when a container dies."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def kill_main(self) -> None:
        self._process.kill()
        self._process.wait()

    def exit_code(self, within: float = ENDS_WITHIN_SECONDS) -> int:
        """Wait until the cluster ends by itself, and return its exit code. Raise TimeoutError if it takes too long."""
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError from error


def eventually(condition: Callable[[], object], within: float = READY_WITHIN_SECONDS) -> float:
    """Wait until the condition holds and return how many seconds that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, "the condition did not become true"
        time.sleep(0.02)
    return time.monotonic() - began


def runs(name: str, what: str | None = None) -> list[dict[str, Any]]:
    """Return what the runs of the task with this name have noted, in order of time."""
    return sorted(stored(RUNS, name=name, **({"what": what} if what else {})), key=itemgetter("at"))


def messages(**condition: Any) -> list[dict[str, Any]]:
    """Return the messages that wait or are being run, except those of the periodic tasks."""
    periodic = periodic_names()
    return [message for message in stored("django_q_ormq", **condition) if message.get("name") not in periodic]


def dead_letters() -> list[tuple[Any, ...]]:
    """Return the arguments of each task that was given up."""
    return [arguments(failure.args) for failure in Failure.objects.order_by("started")]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
