"""`manage.py serve`: runs the whole product on one machine, in the foreground."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.environment import ROOT

POLL_SECONDS = 0.1
# The server and the queue need less time than this to stop gracefully.
STOPPED_WITHIN_SECONDS = 30.0
# Added to the niceness of this process, because the starts of shows come before requests.
WEB_NICENESS = 10


class Command(BaseCommand):
    help = "Migrate, then run the HTTP server and the task queue until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        everywhere = "0.0.0.0"  # noqa: S104 - in production there is a proxy in front of it
        parser.add_argument("--host", default="127.0.0.1" if settings.DEBUG else everywhere, help="address to bind")

    def handle(self, **options: Any) -> None:
        with _alone(Path(settings.DATA_DIR)):
            self._serve(**options)

    def _serve(self, **options: Any) -> None:
        _check_is_free(options["host"], settings.PORT)
        call_command("migrate", verbosity=0)
        stopping = _StopRequest()
        address = f"{options['host']}:{settings.PORT}"
        self.stdout.write(f"Listening on http://{address}, Ctrl-C stops.")
        children = _start(address)
        while not stopping and all(child.poll() is None for child in children.values()):
            time.sleep(POLL_SECONDS)
        dead = [
            f"{name} ended with {child.returncode}" for name, child in children.items() if child.returncode is not None
        ]
        for child in children.values():
            _stop(child)
        if not stopping:
            raise CommandError("; ".join(dead))


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Let only this process use the directory inside the block. Raises CommandError if another process uses it.

    The kernel releases the lock of a process that dies.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "serve.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise CommandError(f"already running: process {lock.read()} uses DATA_DIR {data_dir}.") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _check_is_free(host: str, port: int) -> None:
    """Raise CommandError if the server can't listen on the port, for example because another program does."""
    name = host.strip("[]")  # the brackets of an IPv6 address
    try:
        with socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((name, port))
    except OSError as error:
        way_out = "Choose another address with --host or PORT."
        raise CommandError(f"can't listen on {host}:{port}: {error.strerror}. {way_out}") from error


class _StopRequest:
    """True once SIGINT (Ctrl-C) or SIGTERM was received."""

    def __init__(self) -> None:
        self._received = False
        signal.signal(signal.SIGINT, self._receive)
        signal.signal(signal.SIGTERM, self._receive)

    def __bool__(self) -> bool:
        return self._received

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        self._received = True


def _start(address: str) -> dict[str, subprocess.Popen[bytes]]:
    """Start both processes, in the order in which they are stopped: first the server, then the queue."""
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:ops.gunicorn_settings", "--bind", address]
    commands = {
        "gunicorn": ["nice", "-n", str(WEB_NICENESS), *gunicorn],
        "qcluster": [sys.executable, "manage.py", "qcluster"],
    }
    # Each child is in a process group of its own, so that Ctrl-C reaches only this process, which then stops them in
    # order.
    return {name: subprocess.Popen(command, cwd=ROOT, process_group=0) for name, command in commands.items()}


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOPPED_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
