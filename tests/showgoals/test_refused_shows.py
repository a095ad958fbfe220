"""If a `POST /goals?type=show` with a valid body is refused, the response says why, and nothing is written."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User

from goals.models import Goal
from sessions_app.models import Session
from tests.factories.bodies import Body, show_body
from tests.factories.client import ApiClient
from tests.factories.documents import connection
from tests.factories.goals import HOUR, SessionFactory, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.showgoals.faults import Problem, refusal, with_fault

PATH = "/goals?type=show"
NOT_FOUND: Problem = (404, "funding_goal_not_found", [])


@pytest.mark.parametrize("query", ["", "?type=", "?type=karaoke", "?type=Show", "?type=ShowGoal", "?types=show"])
def test_unknown_type_is_refused(streamer_client: ApiClient, body: Body, query: str) -> None:
    assert refusal(streamer_client, f"/goals{query}", body) == (400, "unknown_goal_type", [])


def test_unknown_funding_goal_is_not_found(streamer_client: ApiClient, body: Body) -> None:
    faulty = with_fault(body, "/context/funding_goal_id", str(ObjectId()))
    assert refusal(streamer_client, PATH, faulty) == NOT_FOUND


def test_funding_goal_of_another_streamer_is_not_found(viewer_client: ApiClient, body: Body) -> None:
    assert refusal(viewer_client, PATH, body) == NOT_FOUND


def test_funding_goal_of_another_session_is_not_found(streamer: User, streamer_client: ApiClient, body: Body) -> None:
    faulty = with_fault(body, "/context/session_id", str(SessionFactory(user=streamer).pk))
    assert refusal(streamer_client, PATH, faulty) == NOT_FOUND


def test_show_is_no_funding_goal(streamer_client: ApiClient, closed_goal: Goal) -> None:
    show = ShowGoalFactory(funding_goal=closed_goal)
    faulty = with_fault(show_body(closed_goal), "/context/funding_goal_id", str(show.pk))
    assert refusal(streamer_client, PATH, faulty) == NOT_FOUND


def test_deleted_session_is_not_found(streamer_client: ApiClient, session: Session, body: Body) -> None:
    connection.get_collection("sessions").delete_one({"_id": session.pk})
    assert refusal(streamer_client, PATH, body) == (404, "session_not_found", [])


def test_ended_session_has_no_more_shows(streamer_client: ApiClient, session: Session, body: Body) -> None:
    connection.get_collection("sessions").update_one({"_id": session.pk}, {"$set": {"status": "ended"}})
    assert refusal(streamer_client, PATH, body) == (409, "session_ended", [])


@pytest.mark.parametrize("ahead", [HOUR, timedelta(seconds=2), None])
def test_open_funding_goal_has_no_show_yet(
    streamer_client: ApiClient, session: Session, ahead: timedelta | None
) -> None:
    goal = ShowFundingGoalFactory(session=session, exp=whole_second() + ahead if ahead else None)
    assert refusal(streamer_client, PATH, show_body(goal)) == (409, "funding_still_open", [])


def test_funding_goal_has_one_show(streamer_client: ApiClient, closed_goal: Goal) -> None:
    ShowGoalFactory(funding_goal=closed_goal)
    assert refusal(streamer_client, PATH, show_body(closed_goal)) == (409, "show_goal_exists", [])


def test_funding_goal_of_a_cancelled_show_gets_no_other(streamer_client: ApiClient, closed_goal: Goal) -> None:
    show = ShowGoalFactory(funding_goal=closed_goal)
    cancelled = {"$set": {"cancelled_at": whole_second(), "active": False}}
    connection.get_collection("goals").update_one({"_id": show.pk}, cancelled)

    assert refusal(streamer_client, PATH, show_body(closed_goal)) == (409, "show_goal_exists", [])


def test_unique_index_refuses_a_second_show(streamer_client: ApiClient, session: Session, closed_goal: Goal) -> None:
    ShowGoalFactory(funding_goal=closed_goal)
    connection.get_collection("goals").update_one({"_id": closed_goal.pk}, {"$set": {"context.show_goal_id": None}})
    forgotten = {"$set": {"show_goal_pairs.0.show_goal": None}}
    connection.get_collection("sessions").update_one({"_id": session.pk}, forgotten)

    assert refusal(streamer_client, PATH, show_body(closed_goal)) == (409, "show_goal_exists", [])


@pytest.mark.parametrize("pairs", [[], [{"funding_goal": ObjectId(), "show_goal": None}]])
def test_session_must_know_the_funding_goal(
    streamer_client: ApiClient, session: Session, body: Body, pairs: list[dict[str, Any]]
) -> None:
    connection.get_collection("sessions").update_one({"_id": session.pk}, {"$set": {"show_goal_pairs": pairs}})
    assert refusal(streamer_client, PATH, body) == (409, "session_pair_missing", [])


@pytest.mark.parametrize(("starts_after", "status"), [(-60, 201), (-59, 409), (0, 409), (59, 409), (60, 201)])
def test_shows_of_a_session_do_not_overlap(
    streamer_client: ApiClient, session: Session, body: Body, starts_after: int, status: int
) -> None:
    """Each show lasts 60 seconds, from `nbf` until just before `access_exp`."""
    other = ShowFundingGoalFactory(session=session, closed=True)
    assert streamer_client.post(PATH, show_body(other, nbf=body["nbf"])).status == 201

    answer = streamer_client.post(PATH, body | {"nbf": body["nbf"] + starts_after})

    assert (answer.status, answer.body.get("code")) == (status, "show_overlaps" if status == 409 else None)


def test_overlapping_show_writes_nothing(streamer_client: ApiClient, session: Session, body: Body) -> None:
    ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    assert refusal(streamer_client, PATH, body) == (409, "show_overlaps", [])


@pytest.mark.parametrize("change", [{"cancelled_at": whole_second()}, {"exp": whole_second()}])
def test_ended_show_does_not_overlap(
    streamer_client: ApiClient, session: Session, body: Body, change: dict[str, Any]
) -> None:
    other = ShowFundingGoalFactory(session=session, closed=True)
    first = streamer_client.post(PATH, show_body(other, nbf=body["nbf"])).body
    connection.get_collection("goals").update_one({"_id": ObjectId(first["id"])}, {"$set": change})

    assert streamer_client.post(PATH, body).status == 201


def test_shows_of_two_sessions_may_overlap(streamer: User, streamer_client: ApiClient, body: Body) -> None:
    elsewhere = ShowFundingGoalFactory(session=SessionFactory(user=streamer), closed=True)

    assert streamer_client.post(PATH, body).status == 201
    assert streamer_client.post(PATH, show_body(elsewhere, nbf=body["nbf"])).status == 201
