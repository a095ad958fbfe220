"""Shows that benchmarks insert are like those that `create_show_goal` creates. Their times are the same in each run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from goals.tasks import activate_goal
from lab.bench.lateness.loads import LOADS, Load
from lab.bench.planting import SHOW_SECONDS, PlantedShow, plant, plant_audience, plant_future, queue_starts
from tests.factories.documents import queued_messages, stored, stored_one
from tests.factories.goals import ShowGoalFactory, whole_second

SECOND = timedelta(seconds=1)
NBF = datetime(2026, 9, 21, tzinfo=UTC)
SHOWS = [PlantedShow(digit * 24, f"s{digit}", NBF) for digit in "1234"]


@pytest.mark.django_db
def test_planted_documents_are_those_of_create_show_goal() -> None:
    created = ShowGoalFactory(target_seconds=SHOW_SECONDS)
    (show,) = plant([whole_second()], viewers=0)

    theirs, ours = stored_one("goals", str(created.pk)), stored_one("goals", show.goal_id)
    assert shape(ours) == shape(theirs)
    assert [linked(goal) for goal in (ours, theirs)] == [
        (show.goal_id, [ObjectId(show.goal_id)]),
        (str(created.pk), [created.pk]),
    ]


@pytest.mark.django_db
def test_queue_starts_enqueues_what_creation_enqueues() -> None:
    nbf = whole_second() + timedelta(hours=1)
    created = ShowGoalFactory(nbf=nbf)
    expected = [message for message in queued_messages("activate_goal") if message.group == str(created.pk)]
    (show,) = plant([nbf])
    queue_starts([show])

    (message,) = [message for message in queued_messages("activate_goal") if message.group == show.goal_id]
    assert [(message.func, message.args[1], message.lock)] == [
        (each.func, each.args[1], each.lock) for each in expected
    ]


@pytest.mark.django_db
def test_a_planted_show_starts_at_its_millisecond() -> None:
    late, soon = plant([datetime.now(UTC) + SECOND * 60, (datetime.now(UTC) - SECOND).replace(microsecond=123_000)])

    assert activate_goal(soon.goal_id, int(soon.nbf.timestamp())) == "started"
    assert [stored_one("goals", show.goal_id)["activated_at"] is None for show in (late, soon)] == [True, False]


@pytest.mark.django_db
def test_future_shows_and_audiences_have_the_requested_size() -> None:
    plant_future(3)
    audience = plant_audience(NBF, viewers=5)

    assert len(queued_messages("activate_goal")) == 3
    (funding_goal,) = stored("goals", **{"context.show_goal_id": audience.goal_id})
    assert len(funding_goal["breakdown"]) == 5


def test_loads_are_the_same_in_each_run_and_stay_in_their_window() -> None:
    load = LOADS["second"]
    begin = int(NBF.timestamp())
    moments = list(load.moments(begin))

    assert moments == list(load.moments(begin))
    assert (len(moments), len({moment.microsecond % 1000 for moment in moments})) == (1000, 1)
    assert NBF <= min(moments) <= max(moments) <= NBF + SECOND
    assert set(LOADS["instant"].moments(begin)) == {NBF}
    assert LOADS["instant"].resized(7) == Load("instant", "7 at one instant", shows=7, milliseconds=0)


def linked(goal: dict[str, Any]) -> tuple[Any, ...]:
    """Return what the funding goal and the session store about the goal."""
    funding_goal = stored_one("goals", goal["context"]["funding_goal_id"])
    session = stored_one("sessions", goal["conditions"]["session_id"])
    return funding_goal["context"]["show_goal_id"], [pair["show_goal"] for pair in session["show_goal_pairs"]]


def shape(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with types in place of ids and times, which differ between documents."""
    return {key: _shape(value) for key, value in document.items()}


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return shape(value)
    if isinstance(value, list):
        return [_shape(each) for each in value]
    is_id = isinstance(value, str) and ObjectId.is_valid(value)
    return type(value) if is_id or isinstance(value, ObjectId | datetime) else value
