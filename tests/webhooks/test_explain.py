"""Queries for events use indexes, and examine about as many documents as they return."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from tests.factories.client import ApiClient
from tests.factories.documents import connection
from tests.factories.profiler import WHOLE_INDEX, profiled
from webhooks.event_list import TYPES
from webhooks.models import EVENTS
from webhooks.publishing import place_of

pytestmark = pytest.mark.django_db
GOALS = [str(ObjectId(f"{number:024x}")) for number in range(100)]
SLOW = frozenset({"COLLSCAN", WHOLE_INDEX, "SORT"})


@pytest.fixture
def events(db: None) -> None:
    """2,000 events with mixed types and goals. Only the first 20 events have the last type."""
    connection.get_collection(EVENTS).insert_many(
        {
            "place": place_of(1, number),
            "type": TYPES[-1] if number < 20 else TYPES[number % 9],
            "created_at": datetime.now(UTC),
            "goal_id": GOALS[number % 100],
            "version": 1,
            "data": {},
        }
        for number in range(2000)
    )


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"type": TYPES[-1]},  # all of these events are old
        {"type": TYPES[-1], "after": str(place_of(1, 19))},
        {"type": TYPES[0], "after": str(place_of(1, 1000))},
        {"goal_id": GOALS[7]},
        {"goal_id": GOALS[7], "after": str(place_of(1, 1000))},
        {"goal_id": GOALS[7], "type": TYPES[0]},
    ],
)
def test_filters_of_events_scan_nothing(staff: ApiClient, events: None, query: Mapping[str, Any]) -> None:
    with profiled() as profile:
        found = staff.get("/events", page_size="10", **query).body["results"]

    (page,) = [query for query in profile.queries if query.collection == EVENTS and "sort" in query.command]
    stats = connection.database.command("explain", page.command, verbosity="executionStats")["executionStats"]
    assert (page.stages & SLOW, stats["nReturned"] >= len(found)) == (frozenset(), True)
    # With both filters, the query reads all events of the goal.
    assert stats["totalDocsExamined"] <= (20 if len(query) == 2 and "after" not in query else 11)
