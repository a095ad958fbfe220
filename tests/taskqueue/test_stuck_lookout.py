"""Workers that freeze while they look for messages hold up the other workers of their lanes only for a while."""

import os
import signal

import pytest

from taskqueue.queues import Queue
from tests.taskqueue.clusters import eventually, messages, runs
from tests.taskqueue.conftest import IMPATIENT, StartCluster
from tests.taskqueue.tasks import note, note_start

pytestmark = [pytest.mark.django_db, pytest.mark.crash, pytest.mark.slow]


def test_frozen_lookout_is_replaced(start_cluster: StartCluster) -> None:
    cluster = start_cluster(Q_START_WORKERS=2, DJANGO_SETTINGS_MODULE=IMPATIENT)
    workers = cluster.workers(Queue.START.value)
    for worker in workers:  # one of them looks for messages, and the other waits for its turn
        os.kill(worker, signal.SIGSTOP)
    note_start.enqueue("a")

    eventually(lambda: runs("a"))
    assert "stuck worker" in cluster.log.read_text()
    eventually(lambda: not messages())
    for worker in workers:
        if worker in cluster.workers(Queue.START.value):
            os.kill(worker, signal.SIGCONT)


def test_frozen_cluster_holds_up_the_others_of_its_host_only_for_a_while(start_cluster: StartCluster) -> None:
    """The main process, which would kill a worker that is stuck while it looks for messages, is frozen too."""
    frozen = start_cluster()
    note.enqueue("before")
    note_start.enqueue("before")
    eventually(lambda: len(runs("before")) == 2)  # its workers are looking for messages
    os.killpg(frozen.pid, signal.SIGSTOP)
    stopped = start_cluster(DJANGO_SETTINGS_MODULE=IMPATIENT)
    stopped.signal(signal.SIGTERM)
    assert stopped.exit_code(within=10) == 0

    start_cluster(DJANGO_SETTINGS_MODULE=IMPATIENT)
    note.enqueue("a")
    note_start.enqueue("a")
    assert eventually(lambda: len(runs("a")) == 2, within=30) > 5
