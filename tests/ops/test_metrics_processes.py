"""Each of gunicorn's workers answers for all of them, and nothing is left behind."""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ops.metrics import directory
from ops.metrics.directory import make_directory, remove_directory
from tests.crash.server import KillableServer
from tests.lab.process_tree import descendants
from tests.ops.metrics import read, scrape
from tests.taskqueue.clusters import eventually

HOST = socket.gethostname()
NOBODY = 2**22 + 1  # more than pid_max


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(directory, "ROOT", tmp_path / "metrics")
    monkeypatch.setenv(directory.VARIABLE, "another")  # and put back as it was
    return tmp_path / "metrics"


def test_directory_is_made_empty_and_the_dead_are_swept(root: Path) -> None:
    mine = root / f"{HOST}-{os.getpid()}"
    others = [root / f"{HOST}-{os.getppid()}", root / f"elsewhere-{NOBODY}"]
    for old in (mine, *others, root / f"{HOST}-{NOBODY}"):
        old.mkdir(parents=True)
        (old / "counter_1.db").touch()

    assert make_directory() == mine

    assert sorted(root.iterdir()) == sorted([mine, *others])
    assert list(mine.iterdir()) == []
    assert os.environ[directory.VARIABLE] == str(mine)
    remove_directory()
    remove_directory()
    assert sorted(root.iterdir()) == sorted(others)


@pytest.fixture
def server(child_environment: dict[str, str], tmp_path: Path) -> Iterator[KillableServer]:
    server = KillableServer(child_environment | {"DATA_DIR": str(tmp_path)})
    server.start()
    yield server
    server.close()


def sign_in_badly(server: KillableServer) -> None:
    assert requests.post(f"{server.url}/auth/token", data="no JSON", timeout=10).status_code == 415


def counted(server: KillableServer) -> float:
    """Ask for the number of bad sign-ins, whichever worker answers."""
    text = requests.get(f"{server.url}/metrics", timeout=10).text
    return read(text).samples.get("showgoals_http_requests_total", {}).get(("POST", "/auth/token", "415"), 0)


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.django_db
def test_each_worker_answers_for_all(server: KillableServer, tmp_path: Path) -> None:
    for _ in range(40):
        sign_in_badly(server)
    assert [counted(server) for _ in range(10)] == [40.0] * 10

    for worker in descendants(server.pid):  # what the dead have counted stays
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: requests.get(f"{server.url}/healthz", timeout=5).ok)
    sign_in_badly(server)
    assert [counted(server) for _ in range(10)] == [41.0] * 10

    shutil.rmtree(tmp_path / "metrics")  # no request fails for want of a counter
    sign_in_badly(server)
    assert "showgoals_mongodb_up 1.0" in requests.get(f"{server.url}/metrics", timeout=10).text


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff\xff\x00\x00" + bytes(60)])
def test_half_made_file_costs_only_the_counters(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / "counter_1.db").write_bytes(content)
    monkeypatch.setenv(directory.VARIABLE, str(tmp_path))

    found = scrape()

    assert found.of("mongodb_up") == {(): 1}
    assert "showgoals_http_requests_total" not in found.samples
