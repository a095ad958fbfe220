"""Start slots: the clusters of a host share the slots of one cluster, and other workers give way."""

import threading
import time
from collections.abc import Iterator
from multiprocessing.sharedctypes import RawValue
from typing import Any

import pytest
from pymongo.errors import AutoReconnect
from pytest_django import Settings

from mongodb.collections import collection
from taskqueue.broker import PreciseBroker
from taskqueue.queues import Queue
from taskqueue.start_slots import PATIENCE_SECONDS, StartSlot, YieldToStarts
from taskqueue.worker import STOP, ClaimedTasks
from tests.factories.documents import stored
from tests.taskqueue.clusters import eventually, messages
from tests.taskqueue.conftest import StartCluster
from tests.taskqueue.tasks import RUNS, note_start


@pytest.fixture
def slot(settings: Settings, own_locks: None) -> Iterator[StartSlot]:
    """Another worker has the only slot."""
    settings.Q_START_WORKERS = 1
    taken = StartSlot()
    taken.take(unless=lambda: False)
    yield taken
    taken.end()


def test_worker_without_a_slot_stands_by_until_told_to_stop(slot: StartSlot) -> None:
    stop = threading.Event()
    another = threading.Thread(target=lambda: StartSlot().take(unless=stop.is_set))
    another.start()
    another.join(0.2)
    assert another.is_alive()
    stop.set()
    another.join(10)
    assert not another.is_alive()


def test_others_give_way_while_a_task_starts_shows(slot: StartSlot) -> None:
    slot.begin()
    began = time.monotonic()
    threading.Timer(0.2, slot.end).start()
    YieldToStarts().give_way(unless=lambda: False)
    assert time.monotonic() - began >= 0.2
    assert not YieldToStarts().is_due()


def test_slot_of_a_worker_that_can_not_work_is_free(slot: StartSlot) -> None:
    slot.leave()
    another = StartSlot()
    another.take(unless=lambda: True)
    another.begin()
    assert YieldToStarts().is_due()


def test_worker_that_left_its_slot_does_not_work_without_one(slot: StartSlot) -> None:
    slot.leave()
    another = StartSlot()
    another.take(unless=lambda: True)
    slot.take(unless=lambda: True)
    slot.begin()
    assert not YieldToStarts().is_due()


@pytest.mark.django_db
def test_slot_is_busy_while_its_task_runs(settings: Settings, own_locks: None) -> None:
    settings.Q_START_WORKERS = 1
    note_start.enqueue("a")
    source = ClaimedTasks(PreciseBroker(Queue.START.value), RawValue("d", 0.0), run_once=False)
    source.get()
    assert YieldToStarts().is_due()
    source.stop()
    source.get()
    assert not YieldToStarts().is_due()


@pytest.mark.django_db
def test_worker_that_stands_by_and_is_told_to_stop_claims_nothing(slot: StartSlot) -> None:
    note_start.enqueue("a")
    source = ClaimedTasks(PreciseBroker(Queue.START.value), RawValue("d", 0.0), run_once=False)
    got: list[Any] = []
    worker = threading.Thread(target=lambda: got.append(source.get()))
    worker.start()
    worker.join(0.2)
    source.stop()
    worker.join(10)
    assert (got, "owner" in messages()[0]) == ([STOP], False)


def test_giving_way_ends_when_told_to_stop(slot: StartSlot) -> None:
    slot.begin()
    began = time.monotonic()
    YieldToStarts().give_way(unless=lambda: True)
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_few_busy_slots_delay_no_other_worker(settings: Settings, own_locks: None) -> None:
    settings.Q_START_WORKERS = 4
    slots = [StartSlot() for _ in range(4)]
    due = []
    for slot in slots:
        slot.take(unless=lambda: False)
        slot.begin()
        due.append(YieldToStarts().is_due())
    assert due == [False, True, True, True]
    for slot in slots:
        slot.end()


def test_giving_way_has_an_end(slot: StartSlot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskqueue.start_slots.PATIENCE_SECONDS", 0.3)
    giving_way = YieldToStarts()
    slot.begin()
    assert _seconds_of_giving_way(giving_way) >= 0.3
    assert not giving_way.is_due()  # now its worker works for a while
    time.sleep(0.3)
    assert _seconds_of_giving_way(giving_way) >= 0.3


@pytest.mark.django_db
def test_worker_that_lost_mongodb_gives_back_its_message_before_it_stands_by(
    settings: Settings, own_locks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.Q_START_WORKERS = 1
    note_start.enqueue("a")
    broker, lost, another = PreciseBroker(Queue.START.value), threading.Event(), StartSlot()
    source = ClaimedTasks(broker, RawValue("d", 0.0), run_once=False)

    def lose_the_answer() -> None:
        assert PreciseBroker.claim(broker) is not None
        lost.set()
        raise AutoReconnect

    monkeypatch.setattr(broker, "claim", lose_the_answer)
    worker = threading.Thread(target=source.get)
    worker.start()
    lost.wait(10)
    another.take(unless=lambda: False)

    eventually(lambda: "owner" not in messages()[0])
    source.stop()
    worker.join(10)
    assert not worker.is_alive()


@pytest.mark.slow
@pytest.mark.django_db
def test_clusters_of_a_host_share_the_slots_of_one_and_take_over(start_cluster: StartCluster) -> None:
    first, second = (start_cluster(Q_START_WORKERS=2) for _ in range(2))
    note_start.enqueue_many([(str(number),) for number in range(40)])
    eventually(lambda: not messages())
    assert len(_pids_of_runs()) <= 2

    first.kill_tree()
    collection(RUNS).delete_many({})
    note_start.enqueue_many([(str(number),) for number in range(40)])
    eventually(lambda: not messages())
    assert _pids_of_runs() <= set(second.workers(Queue.START.value))


def _seconds_of_giving_way(giving_way: YieldToStarts) -> float:
    began = time.monotonic()
    giving_way.give_way(unless=lambda: False)
    return time.monotonic() - began


def _pids_of_runs() -> set[int]:
    return {run["pid"] for run in stored(RUNS)}
