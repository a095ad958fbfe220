"""Each of gunicorn's workers reports the counts of all workers, and no files are left behind."""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from ops.metrics import directory
from ops.metrics.dead_workers import merge_dead
from ops.metrics.directory import make_directory, remove_directory
from tests.crash.server import KillableServer
from tests.factories.threads import at_once
from tests.lab.process_tree import descendants
from tests.ops.metrics import read, scrape
from tests.taskqueue.clusters import eventually

HOST = socket.gethostname()
UNUSED_PID = 2**22 + 1  # greater than pid_max


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(directory, "ROOT", tmp_path / "metrics")
    monkeypatch.setenv(directory.VARIABLE, "another")  # restored after the test
    return tmp_path / "metrics"


def test_directory_is_created_empty_and_those_of_ended_processes_are_removed(root: Path) -> None:
    mine = root / f"{HOST}-{os.getpid()}"
    others = [root / f"{HOST}-{os.getppid()}", root / f"elsewhere-{UNUSED_PID}"]
    for old in (mine, *others, root / f"{HOST}-{UNUSED_PID}"):
        old.mkdir(parents=True)
        (old / "counter_1.db").touch()

    assert make_directory() == mine

    assert sorted(root.iterdir()) == sorted([mine, *others])
    assert list(mine.iterdir()) == []
    assert os.environ[directory.VARIABLE] == str(mine)
    remove_directory()
    remove_directory()
    assert sorted(root.iterdir()) == sorted(others)


def test_counts_of_ended_workers_stay_in_one_file_of_each_kind(tmp_path: Path) -> None:
    def write(pid: int, value: float) -> None:
        for kind in ("counter", "histogram"):
            counts = MmapedDict(str(tmp_path / f"{kind}_{pid}.db"))  # type: ignore[no-untyped-call]
            counts.write_value(mmap_key(kind, f"{kind}_total", [], [], "help"), value, 0.0)  # type: ignore[no-untyped-call]
            counts.close()  # type: ignore[no-untyped-call]

    def total() -> dict[str, float]:
        found = MultiProcessCollector(None, str(tmp_path)).collect()  # type: ignore[no-untyped-call]
        return {sample.name: sample.value for metric in found for sample in metric.samples}

    write(os.getpid(), 1.0)
    for round_ in range(1, 4):
        for number in range(5):
            write(UNUSED_PID + number, 2.0)
        at_once([lambda: merge_dead(tmp_path)] * 4)
        assert total()["counter_total"] == 1.0 + round_ * 10.0
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        f"{kind}_{name}.db" for kind in ("counter", "histogram") for name in (os.getpid(), "ended")
    )


@pytest.fixture
def server(child_environment: dict[str, str], tmp_path: Path) -> Iterator[KillableServer]:
    server = KillableServer(child_environment | {"DATA_DIR": str(tmp_path)})
    server.start()
    yield server
    server.close()


def sign_in_badly(server: KillableServer) -> None:
    assert requests.post(f"{server.url}/auth/token", data="no JSON", timeout=10).status_code == 415


def counted(server: KillableServer) -> float:
    """Return the number of failed sign-ins that the answering worker reports."""
    text = requests.get(f"{server.url}/metrics", timeout=10).text
    return read(text).samples.get("showgoals_http_requests_total", {}).get(("POST", "/auth/token", "415"), 0)


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.django_db
def test_each_worker_answers_with_the_counts_of_all(server: KillableServer, tmp_path: Path) -> None:
    for _ in range(40):
        sign_in_badly(server)
    assert [counted(server) for _ in range(10)] == [40.0] * 10

    for worker in descendants(server.pid):  # the counts of ended workers stay
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: requests.get(f"{server.url}/healthz", timeout=5).ok)
    sign_in_badly(server)
    assert [counted(server) for _ in range(10)] == [41.0] * 10

    shutil.rmtree(tmp_path / "metrics")  # a request does not fail if it can't be counted
    sign_in_badly(server)
    assert "showgoals_mongodb_up 1.0" in requests.get(f"{server.url}/metrics", timeout=10).text


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff\xff\x00\x00" + bytes(60)])
def test_incomplete_file_only_removes_the_counters(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / "counter_1.db").write_bytes(content)
    monkeypatch.setenv(directory.VARIABLE, str(tmp_path))

    found = scrape()

    assert found.of("mongodb_up") == {(): 1}
    assert "showgoals_http_requests_total" not in found.samples
