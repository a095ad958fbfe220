"""The last hour on the front page of the admin, on an evening with more shows and chunks than the page reads."""

from collections.abc import Callable
from datetime import datetime

import pytest
from bson import ObjectId
from django.test import Client

from desk.hour import MOST_CHUNKS, MOST_STARTS, STEP, STEPS, deliveries_of_last_hour, starts_of_last_hour
from notifications.models import CHUNKS
from tests.factories.documents import connection
from tests.factories.moments import WHOLE
from tests.factories.profiler import profiled

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

# When the current step of the plot on the front page begins.
BEGAN = WHOLE
MORE = "There were more than this page reads, so the plot begins at"


def start_shows(count: int, *, at: datetime) -> None:
    shows = [{"_id": ObjectId(), "nbf": at, "created_at": at, "activated_at": at} for _each in range(count)]
    connection.database["goals"].insert_many(shows)
    recordings = [{"_id": show["_id"], "state": "started", "requested_at": at} for show in shows]
    connection.database["recordings"].insert_many(recordings)


def plan_chunks(count: int, *, at: datetime) -> None:
    row = {"goal_id": str(ObjectId()), "states": "ssf", "sent_at": at, "planned_at": at}
    connection.database[CHUNKS].insert_many([{**row, "_id": str(ObjectId())} for _each in range(count)])


def started(now: datetime) -> list[tuple[datetime, int]]:
    return [(each.begins_at, each.count) for each in starts_of_last_hour(now=now)]


def delivered(now: datetime) -> list[tuple[datetime, int]]:
    steps = deliveries_of_last_hour(now=now)
    assert all(each.sent == 2 * each.unsent for each in steps)
    return [(each.begins_at, each.unsent) for each in steps]


EACH = pytest.mark.parametrize(
    ("fill", "counts", "most"),
    [(start_shows, started, MOST_STARTS), (plan_chunks, delivered, MOST_CHUNKS)],
    ids=["starts", "deliveries"],
)


@EACH
def test_steps_that_were_not_read_whole_are_left_out(
    fill: Callable[..., None], counts: Callable[[datetime], object], most: int
) -> None:
    fill(most - 10, at=BEGAN - STEP)
    fill(20, at=BEGAN - 2 * STEP)
    fill(20, at=BEGAN - 3 * STEP)
    with profiled() as profile:
        found = counts(BEGAN)

    assert found == [(BEGAN - STEP, most - 10), (BEGAN, 0)]
    assert not {"COLLSCAN", "SORT"} & {stage for query in profile.queries for stage in query.stages}


@EACH
def test_all_steps_are_read_up_to_the_limit(
    fill: Callable[..., None], counts: Callable[[datetime], object], most: int
) -> None:
    fill(most, at=BEGAN - 2 * STEP)

    empty = [(BEGAN - number * STEP, 0) for number in range(STEPS)]
    assert counts(BEGAN) == [*reversed(empty[3:]), (BEGAN - 2 * STEP, most), empty[1], empty[0]]


@EACH
def test_last_step_is_shown_even_in_part(
    fill: Callable[..., None], counts: Callable[[datetime], object], most: int
) -> None:
    fill(most + 10, at=BEGAN)

    assert counts(BEGAN) == [(BEGAN, most + 1)]


def test_page_says_from_when_on_it_has_read_all(admin: Client) -> None:
    few = admin.get("/admin/").content.decode()
    start_shows(MOST_STARTS + 10, at=BEGAN - STEP)
    plan_chunks(MOST_CHUNKS + 10, at=BEGAN)
    response = admin.get("/admin/")
    page = response.content.decode()

    assert (few.count(MORE), page.count(MORE)) == (0, 2)
    assert f"{MORE} {BEGAN:%H:%M}." in page
    assert "Shows that have started: 0+." in page
    assert f"Events for viewers: {2 * (MOST_CHUNKS + 1)}+ sent, {MOST_CHUNKS + 1}+ not sent." in page
    assert all(text in few for text in ("Shows that have started: 0.", "Events for viewers: 0 sent, 0 not sent."))
    assert [bar.x for bar in response.context["start_bars"]] == [(STEPS - 1) * 12]
