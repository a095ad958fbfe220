"""While many shows start, the workers of the other lanes give way, for a second at most."""

import time

import pytest

from taskqueue import precedence
from taskqueue.precedence import GivingWay, note_full_batch
from taskqueue.queues import Queue


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "PATIENCE_SECONDS", 0.3)
    precedence._many_start_until.value = 0.0


def waited(worker: GivingWay) -> float:
    began = time.monotonic()
    worker.wait(unless=lambda: False)
    return time.monotonic() - began


@pytest.mark.parametrize("lane", [lane for lane in Queue if lane is not Queue.START])
def test_other_lanes_give_way_to_a_full_batch_of_starts(lane: Queue) -> None:
    worker = GivingWay(lane.value)
    assert not worker.is_due()
    note_full_batch(lane.value)  # only starts have precedence
    assert not worker.is_due()
    note_full_batch(Queue.START.value)
    assert worker.is_due()
    assert waited(worker) >= precedence.BATCH_SECONDS / 2
    assert not worker.is_due()


def test_starts_give_way_to_nothing() -> None:
    note_full_batch(Queue.START.value)
    assert not GivingWay(Queue.START.value).is_due()


def test_worker_that_has_waited_long_works_before_it_waits_again() -> None:
    precedence._many_start_until.value = time.monotonic() + 60
    worker = GivingWay(Queue.WORK.value)
    assert precedence.PATIENCE_SECONDS <= waited(worker) < 60
    assert not worker.is_due()
    time.sleep(precedence.PATIENCE_SECONDS)
    assert worker.is_due()


def test_worker_that_is_to_stop_does_not_wait() -> None:
    precedence._many_start_until.value = time.monotonic() + 60
    began = time.monotonic()
    GivingWay(Queue.WORK.value).wait(unless=lambda: True)
    assert time.monotonic() - began < 10
