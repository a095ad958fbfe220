"""Real qclusters on the test's database."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskqueue.queues import Queue
from tests.taskqueue.clusters import QCluster, eventually

IMPATIENT = "tests.taskqueue.settings"
StartCluster = Callable[..., QCluster]


@pytest.fixture
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this test's host locks and start slots apart from those of other processes."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def start_cluster(child_environment: dict[str, str], tmp_path: Path) -> Iterator[StartCluster]:
    """Start a qcluster: `start_cluster("--run-once", Q_TIMEOUT=1)`; its `work` queue has Q_WORKERS (1) workers.

    Without arguments it returns once its workers are ready.
    """
    clusters: list[QCluster] = []

    def start(*arguments: str, **settings: str | int) -> QCluster:
        given = {name: str(value) for name, value in {"Q_WORKERS": 1, "Q_START_WORKERS": 1, **settings}.items()}
        log = tmp_path / f"qcluster-{len(clusters)}.log"
        cluster = QCluster(child_environment | given, log, *arguments)
        clusters.append(cluster)
        if not arguments:
            queues = {Queue.WORK: given["Q_WORKERS"], Queue.START: given["Q_START_WORKERS"]}
            eventually(lambda: all(len(cluster.workers(queue.value)) == int(count) for queue, count in queues.items()))
        return cluster

    yield start
    for cluster in clusters:
        cluster.kill_tree()
