"""Sign-ins are counted exactly. All other requests are counted cheaply and almost exactly."""

from datetime import timedelta

import pytest

from api.throttle_counts import MOST_REMEMBERED, Rate, Tally, give_back, keep, spend, window_of
from tests.api.throttling import NOW
from tests.factories.documents import connection, stored
from tests.factories.threads import at_once

pytestmark = pytest.mark.django_db

THREE = Rate(3, 60)
MANY = Rate(200, 60)  # a process stores its counts in batches of five requests


def left(key: str, rate: Rate = THREE) -> int:
    return window_of(key, rate, now=NOW).seconds_left


def test_window_ends_at_ends_at() -> None:
    window = window_of("a", THREE, now=NOW)
    last, first = window.ends_at - timedelta(milliseconds=1), window.ends_at

    assert window_of("a", THREE, now=last).id == window.id != window_of("a", THREE, now=first).id
    assert (window_of("a", THREE, now=last).seconds_left, window_of("a", THREE, now=first).seconds_left) == (1, 60)


def test_windows_of_different_keys_end_at_different_moments() -> None:
    assert len({left(f"user:{number}") for number in range(1000)}) > 50


def spend_for_good() -> int:
    seconds = spend("a", THREE, now=NOW)
    if not seconds:
        keep("a", THREE, now=NOW)
    return seconds


def test_exact_count_lets_as_many_pass_as_the_rate_says() -> None:
    assert [spend_for_good() for _ in range(5)] == [0, 0, 0, left("a"), left("a")]
    assert spend("b", THREE, now=NOW) == 0
    assert spend("a", THREE, now=NOW + timedelta(minutes=1)) == 0


def test_refused_requests_are_not_counted_and_one_given_back_is_free_again() -> None:
    for _ in range(5):
        spend("a", THREE, now=NOW)
    give_back("a", THREE, now=NOW)
    keep("a", THREE, now=NOW)

    window = window_of("a", THREE, now=NOW)
    assert stored("throttle_counts") == [
        {"_id": window.id, "count": 2, "pending": 1, "expires_at": window.ends_at.replace(tzinfo=None)}
    ]
    assert [spend("a", THREE, now=NOW) > 0 for _ in range(2)] == [False, True]


@pytest.mark.parametrize("_round", range(5))
def test_exact_count_is_exact_for_simultaneous_requests(_round: int) -> None:
    passed = at_once([lambda: spend("a", Rate(10, 60), now=NOW)] * 40)

    assert passed.count(0) <= 10
    assert stored("throttle_counts")[0]["count"] == passed.count(0)


def test_callers_with_few_requests_are_not_stored() -> None:
    tally = Tally()

    assert {tally.spend(f"user:{number % 500}", MANY, now=NOW) for number in range(2000)} == {0}
    assert stored("throttle_counts") == []


def test_frequent_caller_is_stored_in_batches() -> None:
    tally = Tally()
    for _ in range(14):
        tally.spend("a", MANY, now=NOW)

    assert [document["count"] for document in stored("throttle_counts")] == [10]


def test_tally_refuses_a_flood_and_stops_storing_it() -> None:
    tally = Tally()
    answers = [tally.spend("a", MANY, now=NOW) for _ in range(1000)]

    assert (answers[:200], answers[204:]) == ([0] * 200, [left("a", MANY)] * 796)
    assert [document["count"] for document in stored("throttle_counts")] == [205]


def test_processes_share_the_count_except_for_what_each_has_not_stored_yet() -> None:
    processes = [Tally() for _ in range(4)]
    answers = [processes[number % 4].spend("a", MANY, now=NOW) for number in range(800)]

    assert 200 <= answers.count(0) <= 200 + 4 * 4
    assert {tally.spend("a", MANY, now=NOW) for tally in processes} == {left("a", MANY)}


def test_tally_of_eight_threads_lets_little_more_pass() -> None:
    tally = Tally()
    answers = at_once([lambda: [tally.spend("a", MANY, now=NOW) for _ in range(50)]] * 8)

    assert 200 <= sum(answer.count(0) for answer in answers) <= 200 + 8 * 4


def test_next_window_begins_anew() -> None:
    tally = Tally()
    for _ in range(300):
        tally.spend("a", MANY, now=NOW)

    assert tally.spend("a", MANY, now=NOW + timedelta(seconds=60)) == 0


def test_tally_remembers_a_limited_number_of_callers() -> None:
    tally = Tally()
    for number in range(MOST_REMEMBERED + 10):
        tally.spend(f"user:{number}", MANY, now=NOW)

    assert len(tally._seen) == 10


def test_counts_expire() -> None:
    indexes = connection.get_collection("throttle_counts").index_information()

    assert indexes["expires_at_ttl"]["expireAfterSeconds"] == 0
