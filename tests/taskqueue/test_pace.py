"""Slots for calls to a vendor are evenly spaced and reserved in blocks, each slot by one process."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from config.vendor_calls import Reserve
from mongodb.collections import collection
from taskqueue.pace import LONGEST_AHEAD_MS, SPARE, pace_of

pytestmark = pytest.mark.django_db

PER_SECOND = 100
INTERVAL = SPARE / PER_SECOND
# By how many seconds slots may differ from the expected ones. The database's clock counts whole milliseconds.
TOLERANCE = 0.01


def reserve_of(vendor: str = "byteplus") -> Reserve:
    reserve = pace_of(vendor, PER_SECOND)
    assert reserve is not None
    return reserve


def from_now(call: Callable[[], Sequence[float]]) -> list[float]:
    slots = call()
    now = time.monotonic()
    return [slot - now for slot in slots]


def test_vendor_without_a_limit_has_no_pace() -> None:
    assert pace_of("pusher", 0) is None


def test_first_slot_is_now_and_the_others_follow_evenly() -> None:
    slots = from_now(lambda: reserve_of()(4))
    assert slots == pytest.approx([number * INTERVAL for number in range(4)], abs=TOLERANCE)


def test_block_is_a_tenth_of_a_second_at_most() -> None:
    assert len(reserve_of()(1000)) == 10
    slow = pace_of("byteplus", 1)
    assert slow is not None
    assert len(slow(1000)) == 1


def test_next_block_begins_where_the_last_one_ends() -> None:
    first = reserve_of()(10)
    second = reserve_of()(10)
    assert second[0] - first[-1] == pytest.approx(INTERVAL, abs=TOLERANCE)


def test_slots_that_nobody_took_are_not_made_up_for() -> None:
    reserve_of()(3)
    time.sleep(0.1)
    assert from_now(lambda: reserve_of()(2)) == pytest.approx([0.0, INTERVAL], abs=TOLERANCE)


def test_vendors_have_a_pace_each() -> None:
    reserve_of("byteplus")(10)
    assert from_now(lambda: reserve_of("pusher")(1)) == pytest.approx([0.0], abs=TOLERANCE)


def test_slots_are_reserved_once_by_many_at_once() -> None:
    with ThreadPoolExecutor(8) as threads:
        blocks = list(threads.map(lambda _number: reserve_of()(5), range(8)))
    slots = sorted(slot for block in blocks for slot in block)
    assert slots[-1] - slots[0] == pytest.approx(39 * INTERVAL, abs=0.1)
    assert collection("vendor_paces").count_documents({}) == 1


def test_pace_begins_anew_when_the_clock_was_set_back() -> None:
    ahead = datetime.now(UTC).timestamp() * 1000 + 2 * LONGEST_AHEAD_MS
    collection("vendor_paces").insert_one({"_id": "byteplus", "next_ms": ahead})
    assert from_now(lambda: reserve_of()(1)) == pytest.approx([0.0], abs=TOLERANCE)
