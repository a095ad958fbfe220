"""Real qclusters on the test's database."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskqueue.queues import Queue
from tests.taskqueue.clusters import QCluster, eventually

TASKS = "tests.taskqueue.tasks_settings"
IMPATIENT = BULK = "tests.taskqueue.settings"
# The setting for the number of workers in each lane.
WORKERS = {
    Queue.START.value: "Q_START_WORKERS",
    Queue.WORK.value: "Q_WORKERS",
    Queue.TELL.value: "Q_TELL_WORKERS",
    Queue.AUDIENCE.value: "Q_AUDIENCE_WORKERS",
    Queue.RECORD.value: "Q_RECORD_WORKERS",
    Queue.WEBHOOK.value: "Q_WEBHOOK_WORKERS",
}
StartCluster = Callable[..., QCluster]


@pytest.fixture
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this test's host locks apart from those of other processes."""
    monkeypatch.setattr("django.conf.settings.DATA_DIR", tmp_path)
    monkeypatch.setattr("taskqueue.host_locks._without_until", {})


@pytest.fixture
def start_cluster(child_environment: dict[str, str], tmp_path: Path) -> Iterator[StartCluster]:
    """Return a function that starts a qcluster, e.g. `start_cluster("--run-once", Q_TIMEOUT=1)`.

    By default, each lane has one worker. If there are no arguments, the function waits until the workers are ready.
    """
    clusters: list[QCluster] = []

    def start(*arguments: str, **settings: str | int) -> QCluster:
        usual: dict[str, str | int] = {**dict.fromkeys(WORKERS.values(), 1), "DJANGO_SETTINGS_MODULE": TASKS}
        given = {name: str(value) for name, value in {**usual, **settings}.items()}
        log = tmp_path / f"qcluster-{len(clusters)}.log"
        cluster = QCluster(child_environment | given, log, *arguments)
        clusters.append(cluster)
        if not arguments:
            eventually(lambda: all(len(cluster.workers(key)) == int(given[name]) for key, name in WORKERS.items()))
        return cluster

    yield start
    for cluster in clusters:
        cluster.kill_tree()
