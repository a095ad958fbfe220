"""A real qcluster stops in order, by force, or because nothing is due. A named qcluster serves only its queue."""

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from django_q.tasks import async_task  # noqa: TID251 - django-q's own way to other queues

from mongodb.collections import collection
from tests.factories.documents import stored
from tests.taskqueue.clusters import eventually, messages, runs
from tests.taskqueue.conftest import IMPATIENT, StartCluster
from tests.taskqueue.tasks import hang, note, start_then_note, take

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

MORE_THAN_A_WORKER_DOES = 510


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_lets_the_running_task_end_and_starts_no_other(start_cluster: StartCluster, number: int) -> None:
    cluster = start_cluster()
    take.enqueue("a", 3000)
    eventually(lambda: runs("a"))
    note.enqueue("b")
    os.killpg(cluster.pid, number)  # Ctrl-C reaches the workers too, and so may an init system's SIGTERM

    assert cluster.exit_code() == 0
    assert ([run["what"] for run in runs("a")], runs("b")) == (["began", "ended"], [])
    assert [(message["name"], "owner" in message) for message in messages()] == [("note", False)]
    assert list(collection("task_clusters").find()) == []


def test_cluster_that_stops_is_heard_of(start_cluster: StartCluster) -> None:
    """If a stopping cluster wrote no heartbeats, other clusters would release the claims of its last tasks."""
    cluster = start_cluster()
    take.enqueue("a", 12_000)
    eventually(lambda: runs("a"))
    cluster.signal(signal.SIGTERM)
    stopping_at = datetime.now(UTC).replace(tzinfo=None)
    eventually(lambda: stored("task_clusters")[0]["beat_at"] > stopping_at + timedelta(seconds=4))

    assert cluster.exit_code() == 0
    assert [run["what"] for run in runs("a")] == ["began", "ended"]


def test_hanging_task_does_not_hold_up_the_end(start_cluster: StartCluster) -> None:
    cluster = start_cluster(Q_TIMEOUT=1, DJANGO_SETTINGS_MODULE=IMPATIENT)
    hang.enqueue("a")
    eventually(lambda: runs("a"))
    cluster.signal(signal.SIGTERM)

    assert cluster.exit_code(within=30) == 0
    assert ["owner" in message for message in messages()] == [False]


def test_second_signal_does_not_wait_for_tasks(start_cluster: StartCluster) -> None:
    cluster = start_cluster()
    take.enqueue("a", 60_000)
    eventually(lambda: runs("a"))
    cluster.signal(signal.SIGINT)
    with pytest.raises(TimeoutError):
        cluster.exit_code(within=0.5)
    cluster.signal(signal.SIGINT)

    assert cluster.exit_code(within=10) == 0
    (message,) = messages()
    assert ("owner" in message, message["lock"] <= datetime.now(UTC).replace(tzinfo=None)) == (False, True)


def test_run_once_runs_due_tasks_and_those_they_enqueue(start_cluster: StartCluster) -> None:
    start_then_note.enqueue("a")
    note.enqueue("b")
    note.enqueue("later", at=datetime.now(UTC) + timedelta(hours=1))

    assert start_cluster("--run-once").exit_code() == 0
    assert [run["what"] for run in runs("a")] == ["began", "ran"]
    assert (len(runs("b")), len(runs("later")), len(messages())) == (1, 0, 1)


def test_recycled_worker_is_replaced(start_cluster: StartCluster) -> None:
    for _ in range(MORE_THAN_A_WORKER_DOES):
        note.enqueue("a")

    assert start_cluster("--run-once").exit_code(within=60) == 0
    assert len({run["pid"] for run in runs("a")}) == 2
    assert (len(runs("a")), messages()) == (MORE_THAN_A_WORKER_DOES, [])


@pytest.mark.parametrize(
    ("arguments", "settings"), [(["--name", "other"], {}), (["-n", "other"], {}), ([], {"Q_CLUSTER_NAME": "other"})]
)
def test_named_cluster_serves_its_queue_only(
    start_cluster: StartCluster, arguments: list[str], settings: dict[str, str]
) -> None:
    async_task(note.path, "a", cluster="other")
    note.enqueue("b")

    assert start_cluster("--run-once", *arguments, **settings).exit_code() == 0
    assert (len(runs("a")), len(runs("b"))) == (1, 0)
