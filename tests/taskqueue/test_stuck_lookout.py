"""A worker that is frozen while it looks for messages holds up the others of its lane only for a while."""

import os
import signal

import pytest

from taskqueue.queues import Queue
from tests.taskqueue.clusters import eventually, messages, runs
from tests.taskqueue.conftest import IMPATIENT, StartCluster
from tests.taskqueue.tasks import note_start

pytestmark = [pytest.mark.django_db, pytest.mark.crash, pytest.mark.slow]


def test_frozen_lookout_is_replaced(start_cluster: StartCluster) -> None:
    cluster = start_cluster(Q_START_WORKERS=2, DJANGO_SETTINGS_MODULE=IMPATIENT)
    workers = cluster.workers(Queue.START.value)
    for worker in workers:  # one of them looks out, and the other waits for its turn
        os.kill(worker, signal.SIGSTOP)
    note_start.enqueue("a")

    eventually(lambda: runs("a"))
    assert "stuck worker" in cluster.log.read_text()
    eventually(lambda: not messages())
    for worker in workers:
        if worker in cluster.workers(Queue.START.value):
            os.kill(worker, signal.SIGCONT)
