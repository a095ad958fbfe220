"""`manage.py serve` runs the server and the queue as child processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from ops.management.commands.serve import WEB_NICENESS
from tests.environment import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.crash]

READY_WITHIN_SECONDS = 30.0
HIGHEST_NICENESS = 19


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


@pytest.fixture
def serve(child_environment: dict[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A running `serve`, whose server responds and whose queue has started."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve"], cwd=ROOT, env=child_environment | {"PORT": str(port)}
    )
    try:
        _wait_until(lambda: set(_children(process.pid)) == {"gunicorn", "qcluster"} and _accepts(port))
        yield process
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_stops_both_in_order(serve: subprocess.Popen[bytes], port: int, number: signal.Signals) -> None:
    children = _children(serve.pid)

    serve.send_signal(number)

    assert serve.wait(60) == 0
    assert [psutil.pid_exists(pid) for pid in children.values()] == [False, False]
    assert not _accepts(port)


@pytest.mark.parametrize("victim", ["gunicorn", "qcluster"])
def test_serve_fails_when_one_of_the_two_dies(serve: subprocess.Popen[bytes], port: int, victim: str) -> None:
    children = _children(serve.pid)

    os.kill(children[victim], signal.SIGTERM)

    assert serve.wait(60) == 1
    assert [psutil.pid_exists(pid) for pid in children.values()] == [False, False]
    assert not _accepts(port)


def test_starts_of_shows_come_before_requests(serve: subprocess.Popen[bytes]) -> None:
    niceness = {name: psutil.Process(pid).nice() for name, pid in _children(serve.pid).items()}

    assert niceness["gunicorn"] == min(niceness["qcluster"] + WEB_NICENESS, HIGHEST_NICENESS)


def test_second_serve_with_the_same_directory_is_refused(
    serve: subprocess.Popen[bytes], child_environment: dict[str, str]
) -> None:
    command = [sys.executable, "manage.py", "serve"]
    second = subprocess.run(command, cwd=ROOT, env=child_environment, capture_output=True, text=True, check=False)

    text = f"CommandError: already running: process {serve.pid} uses DATA_DIR {child_environment['DATA_DIR']}.\n"
    assert (second.returncode, second.stdout, second.stderr) == (1, "", text)


def test_taken_port_is_said_before_the_server_starts(child_environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        environment = child_environment | {"PORT": str(port)}
        command = [sys.executable, "manage.py", "serve"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    reason = f"can't listen on 127.0.0.1:{port}: Address already in use"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"CommandError: {reason}. Choose another address with --host or PORT.\n"


def _children(pid: int) -> dict[str, int]:
    """Return the children of a process by name."""
    found: dict[str, int] = {}
    for child in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):
            line = " ".join(child.cmdline())
            found |= {name: child.pid for name in ("gunicorn", "qcluster") if name in line}
    return found


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait_until(is_reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not is_reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)
