"""If workers of real qclusters die, hang or stop in the middle of a batch, each call still gets its outcome."""

import signal
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django_q.models import Success

from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from taskqueue.messages import MESSAGES
from tests.factories.documents import stored
from tests.taskqueue.clusters import dead_letters, eventually, messages, runs
from tests.taskqueue.conftest import BULK, StartCluster
from tests.taskqueue.tasks import ATTEMPTS, RUNS, attempts, note, note_at_commit, note_each, take_all

pytestmark = [pytest.mark.django_db, pytest.mark.crash, pytest.mark.slow]

MANY = 1000
# These calls become visible at the same moment, so that no worker takes them one by one, however slow the machine is.
AT_ONCE = 100


@pytest.fixture
def start(start_cluster: StartCluster) -> StartCluster:
    """Return a function that starts a qcluster that knows the bulk tasks of the tests."""
    return partial(start_cluster, DJANGO_SETTINGS_MODULE=BULK)


def enqueue_at_once(numbers: Iterable[int]) -> None:
    for number in numbers:
        note_each.enqueue(str(number))


def test_two_clusters_run_each_of_many_calls_once(start: StartCluster) -> None:
    clusters = [start(Q_WORKERS=2) for _ in range(2)]
    for first in range(0, MANY, AT_ONCE):
        run_in_transaction(partial(enqueue_at_once, range(first, first + AT_ONCE)))

    eventually(lambda: not messages())
    done = stored(RUNS)
    assert sorted(int(run["name"]) for run in done) == list(range(MANY))
    assert (Success.objects.filter(name="note_each").count(), dead_letters()) == (MANY, [])
    assert len(attempts()) < MANY / 2  # most were taken in batches
    pids = {run["pid"] for run in done}
    assert all(pids & set(cluster.workers()) for cluster in clusters)


def test_call_that_kills_its_worker_does_not_touch_its_batch(start: StartCluster) -> None:
    for name in ("a", "kill", "b", "c"):
        note_each.enqueue(name)
    cluster = start(Q_MAX_ATTEMPTS=3)

    eventually(lambda: not messages())
    assert sorted((run["name"], run["what"]) for run in stored(RUNS)) == [(name, "of 1") for name in "abc"]
    assert (attempts().count(["kill"]), dead_letters()) == (2, [("kill",)])
    assert attempts()[0] == ["a", "kill", "b", "c"]
    assert cluster.log.read_text().count("worker died") == 3


def test_call_that_hangs_does_not_touch_its_batch(start: StartCluster) -> None:
    for name in ("a", "hang", "b"):
        note_each.enqueue(name)
    cluster = start(Q_TIMEOUT=1, Q_MAX_ATTEMPTS=2)

    eventually(lambda: not messages())
    assert sorted((run["name"], run["what"]) for run in stored(RUNS)) == [("a", "of 1"), ("b", "of 1")]
    assert (attempts().count(["hang"]), dead_letters()) == (1, [("hang",)])
    eventually(lambda: len(cluster.workers()) == 1)
    note_each.enqueue("c")
    eventually(lambda: runs("c"))
    assert "worker died" not in cluster.log.read_text()  # the worker ended by itself


@pytest.mark.parametrize(
    ("name", "starts"), [("die before the commit", 2), ("die after the commit", 1)], ids=["before", "after"]
)
def test_messages_and_effect_of_a_batch_are_one(start: StartCluster, name: str, starts: int) -> None:
    for each in ("a", name, "b"):
        note_at_commit.enqueue(each)
    cluster = start()

    eventually(lambda: "worker died" in cluster.log.read_text() and not messages())
    assert sorted(run["name"] for run in stored(RUNS)) == ["a", "b", name]
    assert len(stored(ATTEMPTS)) == starts - 1
    assert dead_letters() == []


def test_signal_lets_the_running_batch_end_and_starts_no_other(start: StartCluster) -> None:
    for name in ("a", "b"):
        take_all.enqueue(name, 4000)
    cluster = start()
    eventually(lambda: len(runs("b")) == 1)
    take_all.enqueue("c", 0)
    cluster.signal(signal.SIGTERM)

    assert cluster.exit_code() == 0
    assert [[run["what"] for run in runs(name)] for name in "abc"] == [["began", "ended"], ["began", "ended"], []]
    assert [("owner" in message, message.get("attempts", 0)) for message in messages()] == [(False, 0)]


def test_killed_cluster_leaves_a_batch_that_its_neighbour_runs_one_by_one(start: StartCluster) -> None:
    for name in ("a", "b"):
        take_all.enqueue(name, 10_000)
    cluster = start()
    eventually(lambda: len(runs("b")) == 1)
    cluster.kill_tree()
    start()

    eventually(lambda: not messages())
    assert [[run["what"] for run in runs(name)] for name in "ab"] == [["began", "began", "ended"]] * 2
    assert runs("a")[2]["at"] <= runs("b")[1]["at"]


def test_claims_of_a_silent_place_come_back(start: StartCluster) -> None:
    note.enqueue("a")
    elsewhere = {"owner": "other|boot|1|7|1", "attempts": 1, "lock": datetime.now(UTC) - timedelta(hours=1)}
    collection(MESSAGES).update_one({}, {"$set": elsewhere})
    began = datetime.now(UTC)
    start(Q_SILENCE=6)
    note.enqueue("b")

    eventually(lambda: runs("b"))
    assert runs("a") == []
    eventually(lambda: runs("a"))
    (run,) = runs("a")
    assert run["at"].replace(tzinfo=UTC) - began >= timedelta(seconds=6)
    assert [message["attempts"] for message in messages()] in ([], [2])


def test_run_once_takes_all_batches(start_cluster: StartCluster) -> None:
    for number in range(25):
        note_each.enqueue(str(number))

    assert start_cluster("--run-once", DJANGO_SETTINGS_MODULE=BULK).exit_code() == 0
    assert (len(stored(RUNS)), len(attempts()), messages()) == (25, 3, [])
