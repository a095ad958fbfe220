"""`GET /events` lists what was announced, in an order in which a reader that pages by id misses nothing."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from operator import itemgetter
from threading import Event as Flag
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User

from goals.models import Goal
from goals.payloads import GoalEnded
from mongodb.transactions import run_in_transaction, write_last
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages, stored
from tests.factories.goals import ShowFundingGoalFactory
from tests.factories.people import StaffFactory
from tests.factories.threads import at_once
from webhooks.publishing import publish
from webhooks.receivers import store_event
from webhooks.tasks import publish_events

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(db: None) -> ApiClient:
    return ApiClient(StaffFactory(username="staff"))


@pytest.fixture
def goal(session: Session) -> Goal:
    goal: Goal = ShowFundingGoalFactory(session=session)
    return goal


def announce_in(goal: Goal, *, version: int, before_commit: Callable[[], object] = lambda: None) -> None:
    """Store an event in a transaction, and call `before_commit` after the insertion."""
    announced = copy(goal)  # other threads announce the same goal
    announced.version = version

    def block() -> None:
        store_event(GoalEnded.of(announced))
        write_last(lambda _keys: before_commit(), "commit", None)

    run_in_transaction(block)


def read_on(staff: ApiClient, after: str = "", **query: str) -> list[dict[str, Any]]:
    """Return all events after the one with the id, page by page, like a program that keeps the last id."""
    events: list[dict[str, Any]] = []
    while True:
        asked = {"page_size": "3", **query, **({"after": after} if after else {})}
        page = staff.get("/events", **asked).body["results"]
        if not page:
            return events
        events += page
        after = page[-1]["id"]


def versions(events: list[dict[str, Any]]) -> list[int]:
    return [event["version"] for event in events if event["type"] == "goal.ended"]


def test_creation_of_a_funding_goal_is_two_events(staff: ApiClient, session: Session, streamer: User) -> None:
    goal: Goal = ShowFundingGoalFactory(session=session)

    created, added = read_on(staff)

    named = {"goal_id": str(goal.pk), "session_id": str(session.pk), "type": "show-funding", "version": 1}
    told: dict[str, Any] = {
        **named,
        "streamer_id": str(streamer.pk),
        "nbf": None,
        "levels": goal.levels_data(),
        "context": goal.context_data(),
    }
    assert goal.exp is not None
    closes_at = int(goal.exp.timestamp())
    assert created == {
        "id": created["id"],
        "type": "goal.created",
        "created_at": created["created_at"],
        "goal_id": str(goal.pk),
        "version": 1,
        "data": {"event_id": created["data"]["event_id"], **told, "active": True, "exp": closes_at},
    }
    assert (added["type"], added["data"]) == ("goal.added", {"event_id": added["data"]["event_id"], **told})
    assert created["id"] < added["id"]
    assert abs(created["created_at"] - time.time()) < 10


def test_transaction_queues_one_publication(goal: Goal) -> None:
    assert [message.func for message in queued_messages("publish_events")] == ["webhooks.tasks.publish_events"]
    assert (publish_events(), publish_events()) == ("published", "published")
    assert [event["place"] for event in stored("events") if event["place"] is None] == []


def test_event_of_an_aborted_transaction_is_never_seen(staff: ApiClient, goal: Goal) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        announce_in(goal, version=2, before_commit=fail)

    assert versions(read_on(staff)) == []


def test_older_transaction_that_commits_last_is_not_missed(staff: ApiClient, goal: Goal) -> None:
    may_commit, is_stored = Flag(), Flag()

    def hold() -> None:
        is_stored.set()
        assert may_commit.wait(10)

    with ThreadPoolExecutor(1) as pool:
        older = pool.submit(announce_in, goal, version=2, before_commit=hold)
        assert is_stored.wait(10)
        announce_in(goal, version=3)
        seen = read_on(staff)
        assert versions(seen) == [3]
        may_commit.set()
        older.result()

    assert versions(read_on(staff, after=seen[-1]["id"])) == [2]


def test_reader_misses_nothing_under_load(staff: ApiClient, goal: Goal) -> None:
    """Eight writers hold their transactions open for a while, two threads publish, and one reader pages by id."""
    ended = Flag()

    def write(writer: int) -> None:
        for number in range(20):
            pause = random.uniform(0, 0.03)
            announce_in(goal, version=2 + 20 * writer + number, before_commit=partial(time.sleep, pause))

    def publish_on() -> None:
        while not ended.is_set():
            publish()

    def read_to_the_end() -> list[dict[str, Any]]:
        seen = read_on(staff)
        while not ended.is_set():
            seen += read_on(staff, after=seen[-1]["id"])
        return seen + read_on(staff, after=seen[-1]["id"])

    with ThreadPoolExecutor(3) as others:
        for _ in range(2):
            others.submit(publish_on)
        reader = others.submit(read_to_the_end)
        at_once([partial(write, writer) for writer in range(8)])
        ended.set()
        seen = reader.result()

    # Ids grow in the order of insertion. Their order differs from that of the places, which is the order of commits.
    ids_by_place = [event["_id"] for event in sorted(stored("events"), key=itemgetter("place"))]
    assert ids_by_place != sorted(ids_by_place)
    assert sorted(versions(seen)) == list(range(2, 162))
    assert [event["id"] for event in seen] == sorted({event["id"] for event in seen})
    assert read_on(staff) == seen


def test_publication_ends_while_new_events_come(goal: Goal) -> None:
    ended = Flag()

    def write() -> None:
        version = 2
        while not ended.is_set():
            announce_in(goal, version=version)
            version += 1

    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(write) for _ in range(4)]
        try:
            for _ in range(3):
                pool.submit(publish).result(20)
        finally:
            ended.set()
        for writer in writers:
            writer.result()


def test_two_publications_at_once_give_each_event_one_place(goal: Goal) -> None:
    for version in range(2, 12):
        announce_in(goal, version=version)

    counts = at_once([publish] * 4)

    assert sum(counts) == 12
    assert len({event["place"] for event in stored("events")}) == 12


def test_filters_can_be_combined(staff: ApiClient, session: Session) -> None:
    first: Goal = ShowFundingGoalFactory(session=session)
    second: Goal = ShowFundingGoalFactory(session=session)

    assert [event["goal_id"] for event in read_on(staff, type="goal.added")] == [str(first.pk), str(second.pk)]
    events = read_on(staff, goal_id=str(second.pk))
    assert [(event["type"], event["goal_id"]) for event in events] == [
        ("goal.created", str(second.pk)),
        ("goal.added", str(second.pk)),
    ]
    assert read_on(staff, after=events[0]["id"], goal_id=str(second.pk)) == events[1:]


def test_pages_lead_there_and_back(staff: ApiClient, session: Session) -> None:
    for _ in range(2):
        ShowFundingGoalFactory(session=session)
    everything = read_on(staff)

    first = staff.get("/events", page_size="3").body
    second = staff.get(first["next"].partition("testserver")[2]).body
    back = staff.get(second["previous"].partition("testserver")[2]).body

    assert (first["previous"], second["next"]) == (None, None)
    assert first["results"] + second["results"] == everything
    assert back["results"] == first["results"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"after": "1"}, "invalid"),
        ({"type": "goal.exploded"}, "invalid"),
        ({"goal_id": "x"}, "invalid"),
        ({"since": "1"}, "invalid"),
        ({"cursor": "x"}, "invalid_cursor"),
        ({"page_size": "0"}, "invalid_page_size"),
    ],
)
def test_wrong_query_is_refused(staff: ApiClient, query: dict[str, str], code: str) -> None:
    answer = staff.get("/events", **query)

    assert (answer.status, answer.body["code"]) == (400, code)


def test_after_an_event_that_has_expired_the_reader_goes_on(staff: ApiClient, goal: Goal) -> None:
    assert read_on(staff, after=str(ObjectId("0" * 24))) == read_on(staff)


def test_one_event_is_found_by_its_id(staff: ApiClient, goal: Goal) -> None:
    event = read_on(staff)[0]

    assert staff.get(f"/events/{event['id']}").body == event
    assert staff.get(f"/events/{ObjectId()}").problem == (404, "event_not_found", [])
    assert staff.get("/events/x").problem == (404, "not_found", [])
