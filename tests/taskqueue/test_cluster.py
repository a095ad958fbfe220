"""If processes of a real qcluster are killed or hang, every task still runs, and nothing is left behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django_q.models import Failure

from mongodb.collections import collection
from taskqueue.cluster import LOOK_SECONDS
from tests.environment import ROOT
from tests.factories.documents import stored
from tests.lab.process_tree import descendants, survivors
from tests.taskqueue.clusters import QCluster, dead_letters, eventually, messages, runs
from tests.taskqueue.conftest import IMPATIENT, StartCluster
from tests.taskqueue.tasks import REPAIRED, hang, kill_worker, kill_worker_in_transaction, note, take

pytestmark = [pytest.mark.django_db, pytest.mark.crash, pytest.mark.slow]

# The cluster looks at its workers ten times a second, and pauses for 0.2 s before it forks another. On an idle machine,
# a task runs again after 0.4 s. If the cluster did not look, this would take 15 s (`Q_SILENCE`).
SOON_SECONDS = 5.0
TRANSACTION_LIFETIME_SECONDS = 5.0

FAILING_MAIN = """
import django
django.setup()
from taskqueue.cluster import Cluster
from taskqueue.queues import Queue, QueueWorkers
from taskqueue.periodic import every, run_schedules
every(0, run_schedules)  # the cluster fails, because it divides by this interval
Cluster([QueueWorkers(Queue.WORK.value, 2)]).run()
"""


def kill_while_it_runs(cluster: QCluster, name: str) -> None:
    """Kill the worker that has begun the task."""
    eventually(lambda: runs(name, "began"))
    os.kill(runs(name, "began")[-1]["pid"], signal.SIGKILL)


def test_task_of_a_killed_worker_runs_again_at_once(start_cluster: StartCluster) -> None:
    cluster = start_cluster()
    take.enqueue("a", 2000)
    kill_while_it_runs(cluster, "a")

    assert eventually(lambda: len(runs("a", "began")) == 2) < SOON_SECONDS
    eventually(lambda: not messages())
    assert [run["what"] for run in runs("a")] == ["began", "began", "ended"]
    assert (len(cluster.workers()), "worker died" in cluster.log.read_text()) == (1, True)


def test_death_of_a_worker_leaves_the_others_their_tasks(start_cluster: StartCluster) -> None:
    start_cluster(Q_WORKERS=2, Q_MAX_ATTEMPTS=1)
    take.enqueue("a", 3000)
    eventually(lambda: runs("a"))
    kill_worker.enqueue("b")

    eventually(lambda: not messages())
    assert [run["what"] for run in runs("a") + runs("b")] == ["began", "ended", "began"]


def test_killed_idle_workers_are_replaced(start_cluster: StartCluster) -> None:
    cluster = start_cluster(Q_WORKERS=2)
    for _ in range(3):
        for worker in cluster.workers():
            os.kill(worker, signal.SIGKILL)
        note.enqueue("a")
        assert eventually(lambda: not messages()) < SOON_SECONDS

    assert len(runs("a")) == 3
    eventually(lambda: len(cluster.workers()) == 2)


def test_task_of_a_killed_cluster_runs_when_another_starts(start_cluster: StartCluster) -> None:
    cluster = start_cluster()
    take.enqueue("a", 2000)
    eventually(lambda: runs("a"))
    cluster.kill_tree()
    assert [message["attempts"] for message in messages()] == [1]

    assert start_cluster("--run-once").exit_code() == 0
    assert ([run["what"] for run in runs("a")], messages()) == (["began", "began", "ended"], [])


def test_task_of_a_killed_cluster_is_given_back_by_its_neighbour(start_cluster: StartCluster) -> None:
    cluster = start_cluster()
    take.enqueue("a", 60_000)
    eventually(lambda: runs("a"))
    start_cluster()
    eventually(lambda: len(stored("task_clusters")) == 2)  # the other cluster has begun to look for dead owners
    cluster.kill_tree()

    assert eventually(lambda: len(runs("a", "began")) == 2) < LOOK_SECONDS + SOON_SECONDS


def test_workers_die_with_their_killed_main_process(start_cluster: StartCluster) -> None:
    cluster = start_cluster(Q_WORKERS=2)
    take.enqueue("a", 60_000)
    eventually(lambda: runs("a"))
    workers = descendants(cluster.pid)
    cluster.kill_main()

    assert (len(workers), survivors(workers)) == (7, [])


def test_workers_die_with_a_main_process_that_fails(child_environment: dict[str, str], tmp_path: Path) -> None:
    """Otherwise Python would wait for the workers for ever before it exits."""
    log = tmp_path / "log"
    with log.open("wb") as output:
        failing = subprocess.Popen([sys.executable, "-c", FAILING_MAIN], cwd=ROOT, env=child_environment, stderr=output)

    assert failing.wait(timeout=60) == 1
    workers = [int(pid) for pid in re.findall(r"ready for work at (\d+)", log.read_text())]
    assert ("ZeroDivisionError" in log.read_text(), survivors(workers)) == (True, [])


def test_task_that_kills_its_worker_is_given_up(start_cluster: StartCluster) -> None:
    start_cluster(Q_MAX_ATTEMPTS=3)
    kill_worker.enqueue("a")
    note.enqueue("b")

    eventually(lambda: not messages())
    assert (len(runs("a")), len(runs("b")), dead_letters()) == (3, 1, [("a",)])


def test_transaction_of_a_killed_worker_is_undone_at_once(start_cluster: StartCluster) -> None:
    """Otherwise the documents would stay locked for `transactionLifetimeLimitSeconds` (5 s here, 60 s by default)."""
    collection(REPAIRED).insert_one({"_id": "a", "written": 0})
    start_cluster()
    kill_worker_in_transaction.enqueue("a")

    eventually(lambda: not messages())

    first, again, ended = runs("a")
    assert [run["what"] for run in (first, again, ended)] == ["began", "began", "ended"]
    assert (ended["at"] - first["at"]).total_seconds() < TRANSACTION_LIFETIME_SECONDS
    assert stored(REPAIRED) == [{"_id": "a", "written": 1}]


def test_task_that_takes_too_long_is_tried_again_and_given_up(start_cluster: StartCluster) -> None:
    cluster = start_cluster(Q_TIMEOUT=1, Q_MAX_ATTEMPTS=2)
    take.enqueue("a", 60_000)

    eventually(lambda: not messages())
    assert ([run["what"] for run in runs("a")], dead_letters()) == (["began", "began"], [("a", 60_000)])
    assert "Given up" not in Failure.objects.get().result  # the result shows the task's own error
    eventually(lambda: len(cluster.workers()) == 1)
    assert "worker died" not in cluster.log.read_text()  # the worker ended by itself


def test_task_that_ignores_its_time_out_is_killed(start_cluster: StartCluster) -> None:
    cluster = start_cluster(Q_TIMEOUT=1, Q_MAX_ATTEMPTS=1, DJANGO_SETTINGS_MODULE=IMPATIENT)
    hang.enqueue("a")

    eventually(lambda: not messages())
    assert (len(runs("a")), dead_letters()) == (1, [("a",)])
    assert "stuck worker" in cluster.log.read_text()


def test_living_owners_keep_their_claims(start_cluster: StartCluster) -> None:
    """It does not matter how long a task takes, or how many other workers look for work."""
    for _ in range(2):
        start_cluster(Q_WORKERS=2, Q_SILENCE=6)
    take.enqueue("a", 4000)

    eventually(lambda: not messages())
    assert [run["what"] for run in runs("a")] == ["began", "ended"]
