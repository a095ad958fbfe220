"""If MongoDB does not respond, commands that need it end with one line, without a traceback or a password."""

import socket
import subprocess
import sys

import pytest

from tests.environment import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

AWAY = "mongodb://me:hunter2@127.0.0.1:1/?replicaSet=rs0"
COMMANDS = [
    ["migrate"],
    ["serve"],
    ["qcluster", "--run-once"],
    ["seed_demo", "--viewers", "1"],
    ["flush", "--no-input"],
]


def free_port() -> int:
    """Return a port for `serve`, which refuses a port that another program uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_command_says_in_one_line_that_mongodb_is_away(child_environment: dict[str, str], command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=child_environment | {"MONGODB_URI": AWAY, "PORT": str(free_port())},
        capture_output=True,
        text=True,
        check=False,
    )

    lines = done.stderr.splitlines()
    assert (done.returncode, len(lines), "hunter2" in done.stderr) == (1, 1, False), done.stderr
    assert "MongoDB does not answer: 127.0.0.1:1: [Errno 111] Connection refused" in lines[0]
