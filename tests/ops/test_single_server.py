"""A MongoDB that is not a replica set has no transactions; `/readyz` and `doctor` say so."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.mongod_binary import find_mongod
from tests.environment import ROOT

READINESS = "import django; django.setup(); from ops.readiness import readiness; print(readiness()['mongodb'])"

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.xdist_group("mongod")]


@pytest.fixture
def single_server(tmp_path: Path) -> Iterator[str]:
    """The URI of a server that was started without --replSet."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [
        str(find_mongod()),
        "--dbpath",
        str(tmp_path),
        "--port",
        str(port),
        "--bind_ip",
        "127.0.0.1",
        "--nounixsocket",
    ]
    with subprocess.Popen([*command, "--quiet"], stdout=subprocess.DEVNULL) as server:
        yield f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=30000"
        server.terminate()


def test_single_server_is_reported(single_server: str, child_environment: dict[str, str]) -> None:
    environment = child_environment | {"MONGODB_URI": single_server}

    asked = [["manage.py", "doctor"], ["-c", READINESS]]
    doctor, readiness = (
        subprocess.run([sys.executable, *each], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        for each in asked
    )

    assert "FAILED   mongodb: a single server has no transactions: start it with --replSet.\n" in doctor.stdout
    assert (doctor.returncode, readiness.stdout) == (1, "no_replica_set\n")
