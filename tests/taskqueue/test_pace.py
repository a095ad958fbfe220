"""Slots for calls to a vendor are evenly spaced and reserved in blocks, each slot by one process."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from config.vendor_calls import Reserve
from mongodb.collections import collection
from taskqueue.pace import LONGEST_AHEAD_MS, SPARE, pace_of

pytestmark = pytest.mark.django_db

PER_SECOND = 100
INTERVAL = SPARE / PER_SECOND
INTERVAL_MS = INTERVAL * 1000
# Sums of floating-point numbers differ by less.
TOLERANCE_MS = 0.01


def reserve_of(vendor: str = "byteplus") -> Reserve:
    reserve = pace_of(vendor, PER_SECOND)
    assert reserve is not None
    return reserve


def pace(vendor: str = "byteplus") -> Any:
    """Return what is stored about the last block: `now_ms`, `first_ms` and `next_ms`."""
    return collection("vendor_paces").find_one({"_id": vendor})


def reserve_from_now(wanted: int, vendor: str = "byteplus") -> Sequence[float]:
    """Reserve slots, and check that the first one is the database's present time and that the others follow evenly."""
    began = time.monotonic()
    slots = reserve_of(vendor)(wanted)
    ended = time.monotonic()
    assert pace(vendor)["first_ms"] == pace(vendor)["now_ms"]
    # The product computes the first slot when it has the response, and that slot is not in the past.
    assert began <= slots[0] <= ended
    assert slots == pytest.approx([slots[0] + number * INTERVAL for number in range(len(slots))])
    return slots


def book_ahead() -> float:
    """Let the next slot be half a minute ahead, so that blocks follow each other. Return that slot, in milliseconds."""
    next_ms = int(datetime.now(UTC).timestamp() * 1000) + LONGEST_AHEAD_MS / 2
    collection("vendor_paces").insert_one({"_id": "byteplus", "next_ms": next_ms})
    return next_ms


def test_vendor_without_a_limit_has_no_pace() -> None:
    assert pace_of("pusher", 0) is None


def test_first_slot_is_now_and_the_others_follow_evenly() -> None:
    assert len(reserve_from_now(4)) == 4


def test_block_is_a_tenth_of_a_second_at_most() -> None:
    assert len(reserve_of()(1000)) == 10
    slow = pace_of("byteplus", 1)
    assert slow is not None
    assert len(slow(1000)) == 1


def test_next_block_begins_where_the_last_one_ends() -> None:
    next_ms = book_ahead()
    for _block in range(2):
        began = time.monotonic()
        slots = reserve_of()(10)
        ended = time.monotonic()
        assert pace()["first_ms"] == pytest.approx(next_ms, abs=TOLERANCE_MS)
        next_ms += 10 * INTERVAL_MS
        assert pace()["next_ms"] == pytest.approx(next_ms, abs=TOLERANCE_MS)
        # The database has read its clock at some time between `began` and `ended`.
        ahead = (pace()["first_ms"] - pace()["now_ms"]) / 1000
        assert began - TOLERANCE_MS / 1000 <= slots[0] - ahead <= ended + TOLERANCE_MS / 1000


def test_slots_that_nobody_took_are_not_made_up_for() -> None:
    reserve_of()(3)
    time.sleep(0.1)
    reserve_from_now(2)


def test_vendors_have_a_pace_each() -> None:
    book_ahead()
    reserve_of("byteplus")(10)
    reserve_from_now(1, "pusher")


def test_slots_are_reserved_once_by_many_at_once() -> None:
    next_ms = book_ahead()
    with ThreadPoolExecutor(8) as threads:
        blocks = list(threads.map(lambda _number: reserve_of()(5), range(8)))
    assert [len(block) for block in blocks] == [5] * 8
    assert pace()["next_ms"] - next_ms == pytest.approx(40 * INTERVAL_MS, abs=TOLERANCE_MS)
    assert collection("vendor_paces").count_documents({}) == 1


def test_many_at_once_make_the_first_call() -> None:
    with ThreadPoolExecutor(8) as threads:
        blocks = list(threads.map(lambda _number: reserve_of()(5), range(8)))
    assert [len(block) for block in blocks] == [5] * 8
    assert collection("vendor_paces").count_documents({}) == 1


def test_pace_begins_anew_when_the_clock_was_set_back() -> None:
    ahead = datetime.now(UTC).timestamp() * 1000 + 2 * LONGEST_AHEAD_MS
    collection("vendor_paces").insert_one({"_id": "byteplus", "next_ms": ahead})
    reserve_from_now(1)
