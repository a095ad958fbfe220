"""The number of a session's open funding goals is limited, and finished pairs leave the list of the session's pairs."""

from collections import Counter
from functools import partial
from typing import Any

import pytest
from bson import ObjectId

from goals.models import Goal
from notifications.channel_data import MOST_GOALS, channel_data
from sessions_app.models import Session
from showgoals.session_pairs import MOST_OPEN_GOALS, MOST_PAIRS
from tests.factories.bodies import Body, funding_body, show_body
from tests.factories.client import ApiClient
from tests.factories.documents import connection, stored_one
from tests.factories.goals import HOUR, ShowGoalFactory, whole_second
from tests.factories.threads import at_once

PATH = "/goals?type=show-funding"
TOO_MANY: tuple[int, str, list[Any]] = (409, "too_many_open_goals", [])
CLOSED = {"exp": whole_second() - HOUR, "active": False}
DECIDED = {"state": "refund_due", "reason": "no_show", "decided_at": whole_second(), "total": 0, "payers": 0}
LAPSED = CLOSED | {"settlement": DECIDED | {"decided_by": None, "as_sold": None}}


@pytest.fixture
def new(session: Session) -> Body:
    """A body that opens a funding goal in the session."""
    return funding_body(session)


def copies(goal: Goal, number: int, **changes: Any) -> list[ObjectId]:
    """Store copies of the funding goal, and put their pairs before all others. Return the ids of the copies."""
    goals, sessions = connection.get_collection("goals"), connection.get_collection("sessions")
    document = stored_one("goals", goal.pk) | changes
    ids = [ObjectId() for _ in range(number)]
    goals.insert_many([document | {"_id": each} for each in ids])
    flags = {"funding_ended": not document["active"], "show_goal": None, "show_ended": False}
    pairs = [{"funding_goal": each} | flags for each in ids]
    where = {"_id": ObjectId(goal.conditions.session_id)}
    sessions.update_one(where, {"$push": {"show_goal_pairs": {"$each": pairs, "$position": 0}}})
    return ids


def paired(session: Session) -> list[ObjectId]:
    return [pair["funding_goal"] for pair in stored_one("sessions", session.pk)["show_goal_pairs"]]


def test_funding_goals_of_a_session_are_limited_even_at_once(
    session: Session, streamer_client: ApiClient, open_goal: Goal, new: Body
) -> None:
    copies(open_goal, 10, **CLOSED)
    copies(open_goal, MOST_OPEN_GOALS - 2)

    answers = at_once([partial(streamer_client.post, PATH, new) for _ in range(5)])

    assert Counter((answer.status, answer.body.get("code")) for answer in answers) == {
        (201, None): 1,
        (409, "too_many_open_goals"): 4,
    }
    assert streamer_client.post(f"/goals/{open_goal.pk}/close").status == 200
    assert [streamer_client.post(PATH, new).problem[:2] for _ in range(2)] == [(201, None), TOO_MANY[:2]]


def test_funding_goal_that_has_closed_is_not_counted_before_its_task_has_run(
    streamer_client: ApiClient, open_goal: Goal, new: Body
) -> None:
    copies(open_goal, MOST_OPEN_GOALS - 1, exp=whole_second() - HOUR)

    assert streamer_client.post(PATH, new).status == 201


def test_finished_pairs_leave_the_list_oldest_first(
    session: Session, streamer_client: ApiClient, closed_goal: Goal, new: Body
) -> None:
    connection.get_collection("goals").update_one({"_id": closed_goal.pk}, {"$set": {"active": False}})
    waiting = copies(closed_goal, 30)
    lapsed = copies(closed_goal, MOST_PAIRS - 31, **LAPSED)
    show = ShowGoalFactory(funding_goal=closed_goal)
    assert paired(session) == [*lapsed, *waiting, closed_goal.pk]

    first, second = (ObjectId(streamer_client.post(PATH, new).body["id"]) for _ in range(2))

    assert paired(session) == [*lapsed[2:], *waiting, closed_goal.pk, first, second]
    connection.get_collection("sessions").update_one(
        {"_id": session.pk, "show_goal_pairs.show_goal": show.pk}, {"$set": {"show_goal_pairs.$.show_ended": True}}
    )
    streamer_client.post(PATH, new)
    assert closed_goal.pk in paired(session)
    assert len(paired(session)) == MOST_PAIRS


def test_pairs_that_are_not_finished_stay_and_are_limited(
    session: Session, streamer_client: ApiClient, closed_goal: Goal, new: Body
) -> None:
    """An earlier release may have stored more than MOST_PAIRS such pairs. Their funding goals can still get shows."""
    copies(closed_goal, MOST_PAIRS + 20, active=False)
    connection.get_collection("goals").update_one({"_id": closed_goal.pk}, {"$set": {"active": False}})

    assert streamer_client.post(PATH, new).problem == TOO_MANY
    assert len(paired(session)) == MOST_PAIRS + 21
    assert streamer_client.post("/goals?type=show", show_body(closed_goal)).status == 201


def test_end_of_a_session_with_as_many_goals_as_it_may_have(
    session: Session, streamer_client: ApiClient, open_goal: Goal, closed_goal: Goal
) -> None:
    copies(closed_goal, MOST_PAIRS - MOST_OPEN_GOALS - 1, active=False)
    copies(open_goal, MOST_OPEN_GOALS - 1)

    assert streamer_client.post(f"/sessions/{session.pk}/end", {}).status == 200
    goals = connection.get_collection("goals")
    assert goals.count_documents({"settlement.state": "refund_due"}) == MOST_PAIRS


def test_channel_data_is_limited_and_prefers_what_is_not_over(
    session: Session, open_goal: Goal, closed_goal: Goal
) -> None:
    copies(closed_goal, MOST_PAIRS + 20, active=False, created_at=whole_second() - HOUR)
    oldest = copies(open_goal, 3, created_at=whole_second() - 2 * HOUR)

    data = channel_data(f"private-stream@{session.user_id}")

    assert data is not None
    goals = [goal["id"] for goal in data["goals"]]
    assert (len(goals), len(data["session"]["show_goal_pairs"])) == (MOST_GOALS, MOST_PAIRS)
    assert goals[:2] == [str(closed_goal.pk), str(open_goal.pk)]
    assert not set(goals) & {str(each) for each in oldest}


def test_channel_data_shows_an_old_goal_that_is_open(session: Session, open_goal: Goal, closed_goal: Goal) -> None:
    collection = connection.get_collection("goals")
    collection.update_one({"_id": open_goal.pk}, {"$set": {"created_at": whole_second() - 2 * HOUR}})
    copies(closed_goal, 2 * MOST_GOALS, active=False, created_at=whole_second() - HOUR)

    data = channel_data(f"private-stream@{session.user_id}")

    assert data is not None
    goals = [goal["id"] for goal in data["goals"]]
    assert (len(goals), goals[0], goals[-1]) == (MOST_GOALS, str(closed_goal.pk), str(open_goal.pk))
