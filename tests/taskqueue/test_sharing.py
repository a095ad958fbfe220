"""If several clusters share a queue, each task runs once, and only dead owners lose their transactions."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from mongodb.collections import collection
from taskqueue.broker import release
from taskqueue.claim_owner import is_dead, of_process, this_process
from taskqueue.messages import MESSAGES
from taskqueue.periodic import PeriodicTasks, periodic_names, run_schedules
from tests.factories.documents import connection, stored
from tests.factories.moments import WHOLE
from tests.taskqueue.clusters import eventually, messages
from tests.taskqueue.conftest import StartCluster
from tests.taskqueue.tasks import RUNS, note

pytestmark = pytest.mark.django_db

TASKS = 200


@pytest.mark.slow
def test_two_clusters_run_each_task_once(start_cluster: StartCluster) -> None:
    clusters = [start_cluster(Q_WORKERS=2) for _ in range(2)]
    for number in range(TASKS):
        note.enqueue(str(number))

    eventually(lambda: not messages())
    done = stored("test_runs")
    assert sorted(int(run["name"]) for run in done) == list(range(TASKS))
    pids = {run["pid"] for run in done}
    assert all(pids & set(cluster.workers()) for cluster in clusters)


def test_owner_is_dead_once_its_process_is() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = of_process(process.pid)
    assert not is_dead(owner)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(owner)  # a process that has ended counts as dead even before its parent has waited for it
    process.communicate()
    assert is_dead(owner)


@pytest.mark.parametrize("part", range(3))
def test_owner_in_another_place_does_not_count_as_dead(part: int) -> None:
    """The pid of a process on another host, of another boot or in another container means nothing here."""
    host, boot, namespace, pid, _start_time = this_process().split("|")
    place = [host, boot, namespace]
    place[part] += "0"
    host_there, boot_there, namespace_there = place
    assert is_dead(f"{host}|{boot}|{namespace}|{pid}|1")
    assert not is_dead(f"{host_there}|{boot_there}|{namespace_there}|{pid}|1")
    assert not is_dead("an owner in another format")


def test_release_keeps_the_transactions_of_other_owners() -> None:
    """Releasing an owner that has no client session or no claims must not abort another owner's transaction."""
    for name in ("alive", "dead"):
        note.enqueue(name)
    alive, dead = (message["_id"] for message in stored(MESSAGES))
    with connection.connection.start_session() as session:
        session.start_transaction()
        connection.get_collection(RUNS).insert_one({"name": "a"}, session=session)
        held = {"owner": "alive", "session": session.session_id["id"]}
        collection(MESSAGES).update_one({"_id": alive}, {"$set": held})
        collection(MESSAGES).update_one({"_id": dead}, {"$set": {"owner": "dead"}})

        assert (release(["dead"]), release(["unknown"])) == (1, 0)

        session.commit_transaction()
    assert [message.get("owner") for message in stored(MESSAGES)] == ["alive", None]


def test_product_repairs_itself_periodically() -> None:
    assert periodic_names() >= {"run_schedules", "reconcile_goals", "check_recordings"}


def test_periodic_task_has_one_message_however_many_clusters_there_are() -> None:
    clusters = [PeriodicTasks(), PeriodicTasks()]
    waiting = []
    for seconds in (1, 6, 11, 31, 36, 61):
        for cluster in clusters:
            cluster.enqueue_due(WHOLE + timedelta(seconds=seconds))
        waiting.append([message["lock"].second for message in stored(MESSAGES, name=run_schedules.__name__)])
        if seconds == 31:
            collection(MESSAGES).delete_many({})  # the late run is over; the next one is due on time
    assert waiting == [[30], [30], [30], [30], [0], [0]]
