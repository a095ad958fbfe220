import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from goals.models import Goal, TimelineRow
from goals.tasks import activate_goal
from goals.versions import MOST_CHANGES
from sessions_app.models import Session, SessionStatus
from tests.factories.client import ApiClient
from tests.factories.documents import connection, everything_stored, queued_messages
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory

pytestmark = pytest.mark.django_db
HOUR = 3600


@pytest.fixture
def show(session: Session) -> Goal:
    """A scheduled show that starts in an hour."""
    goal: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    return goal


def start(show: Goal) -> Any:
    nbf = Goal.objects.get(pk=show.pk).window[0]
    return activate_goal(str(show.pk), int(nbf.timestamp()))


def test_moved_show_starts_at_the_new_nbf_only(streamer_client: ApiClient, show: Goal) -> None:
    old = int(show.window[0].timestamp())
    answer = streamer_client.patch(f"/goals/{show.pk}", {"nbf": old + HOUR})
    assert (answer.status, answer.body["nbf"], answer.body["access_exp"]) == (200, old + HOUR, old + HOUR + 60)
    assert [message.args for message in queued_messages("activate_goal")] == [(str(show.pk), old + HOUR)]


def test_old_message_of_a_moved_show_does_nothing(streamer_client: ApiClient, session: Session) -> None:
    now = int(time.time())
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=timezone.now())
    streamer_client.patch(f"/goals/{show.pk}", {"nbf": now + HOUR})
    assert activate_goal(str(show.pk), now) == "not_startable"
    assert Goal.objects.get(pk=show.pk).activated_at is None


def test_show_moved_into_the_past_starts_now(streamer_client: ApiClient, show: Goal) -> None:
    before = int(time.time())
    answer = streamer_client.patch(f"/goals/{show.pk}", {"nbf": 1745993863})
    assert before <= answer.body["nbf"] <= int(time.time())
    assert start(show) == "started"


def test_second_move_to_now_changes_nothing(streamer_client: ApiClient, show: Goal) -> None:
    with time_machine.travel(show.created_at + timedelta(seconds=9), tick=False):
        first = streamer_client.patch(f"/goals/{show.pk}", {"nbf": 1745993863})
        before = everything_stored()
        second = streamer_client.patch(f"/goals/{show.pk}", {"nbf": 1745993863})
    assert (first.status, second.status, second.body) == (200, 200, first.body)
    assert everything_stored() == before


def test_level_is_changed_and_the_access_with_it(streamer_client: ApiClient, show: Goal) -> None:
    nbf = int(show.window[0].timestamp())
    answer = streamer_client.patch(f"/goals/{show.pk}", {"levels": [{"title": "Encore", "target": 90}]})
    assert (answer.body["levels"], answer.body["nbf"], answer.body["access_exp"]) == (
        [{"title": "Encore", "target": 90}],
        nbf,
        nbf + 90,
    )


def test_cancelled_show_does_not_start_and_a_new_nbf_revives_it(streamer_client: ApiClient, show: Goal) -> None:
    answer = streamer_client.post(f"/goals/{show.pk}/cancel", {})
    assert (answer.status, answer.body["status"], answer.body["active"]) == (200, "cancelled", False)
    assert start(show) == "too_early"
    answer = streamer_client.patch(f"/goals/{show.pk}", {"nbf": int(time.time())})
    assert (answer.status, answer.body["status"], answer.body["active"]) == (200, "scheduled", True)
    assert start(show) == "started"


def test_cancelled_show_does_not_start_at_its_nbf(streamer_client: ApiClient, session: Session) -> None:
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=timezone.now())
    streamer_client.post(f"/goals/{show.pk}/cancel", {})
    assert start(show) == "not_startable"


def test_second_cancellation_changes_nothing(streamer_client: ApiClient, show: Goal) -> None:
    first = streamer_client.post(f"/goals/{show.pk}/cancel", {})
    before = everything_stored()
    second = streamer_client.post(f"/goals/{show.pk}/cancel", {})
    assert (second.status, second.body) == (200, first.body)
    assert everything_stored() == before


@pytest.mark.parametrize("body", [{}, None, {"reason": ""}])
def test_show_is_cancelled_without_a_reason(streamer_client: ApiClient, show: Goal, body: Any) -> None:
    assert streamer_client.post(f"/goals/{show.pk}/cancel", body).body["status"] == "cancelled"
    rows = TimelineRow.objects.filter(goal_id=str(show.pk), name="goal.cancelled").values_list("outcome", "detail")
    assert list(rows) == [("announced", "")]


def test_reason_of_a_cancellation_is_on_the_timeline(streamer_client: ApiClient, show: Goal) -> None:
    reason = "The guitarist is ill.\n" + "x" * 478
    assert streamer_client.post(f"/goals/{show.pk}/cancel", {"reason": reason}).status == 200
    rows = TimelineRow.objects.filter(goal_id=str(show.pk), name="goal.cancelled").values_list("outcome", "detail")
    assert list(rows) == [("announced", ""), ("cancelled", reason)]


@pytest.mark.parametrize(
    ("call", "body", "problem"),
    [
        ("cancel", {"because": "x"}, (400, "unknown_field", [("/because", "unknown_field")])),
        ("cancel", {"reason": "x" * 501}, (400, "invalid", [("/reason", "max_length")])),
        ("cancel", {"reason": None}, (400, "invalid", [("/reason", "null")])),
        ("cancel", {"reason": ["x"]}, (400, "invalid", [("/reason", "invalid_type")])),
        ("cancel", [], (400, "invalid", [("", "invalid_type")])),
        ("start", {"reason": "x"}, (400, "unknown_field", [("/reason", "unknown_field")])),
        ("start", "now", (400, "invalid", [("", "invalid_type")])),
    ],
)
def test_bad_body_of_a_cancellation_or_a_start_is_refused(
    streamer_client: ApiClient, show: Goal, call: str, body: Any, problem: Any
) -> None:
    before = everything_stored()
    assert streamer_client.post(f"/goals/{show.pk}/{call}", body).problem == problem
    assert everything_stored() == before


def test_started_show_can_neither_be_moved_nor_cancelled(streamer_client: ApiClient, session: Session) -> None:
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=timezone.now())
    start(show)
    before = everything_stored()
    moved = streamer_client.patch(f"/goals/{show.pk}", {"nbf": int(time.time()) + HOUR})
    cancelled = streamer_client.post(f"/goals/{show.pk}/cancel", {})
    assert (moved.problem, cancelled.problem) == ((409, "already_started", []),) * 2
    assert everything_stored() == before


def test_funding_goal_is_not_cancelled(streamer_client: ApiClient, show: Goal) -> None:
    path = f"/goals/{show.context.funding_goal_id}"
    assert streamer_client.post(f"{path}/cancel", {}).problem == (409, "not_cancellable", [])


def test_show_is_not_moved_onto_another(streamer_client: ApiClient, session: Session, show: Goal) -> None:
    nbf = int(show.window[0].timestamp())
    other = ShowGoalFactory(
        funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=show.window[1], target_seconds=60
    )
    for body in ({"nbf": nbf + 30}, {"nbf": nbf}):
        assert streamer_client.patch(f"/goals/{other.pk}", body).problem == (409, "show_overlaps", [])
    longer = {"levels": [{"title": "Longer", "target": 61}]}
    assert streamer_client.patch(f"/goals/{show.pk}", longer).problem == (409, "show_overlaps", [])


def test_show_of_an_ended_session_is_not_moved(streamer_client: ApiClient, session: Session, show: Goal) -> None:
    Session.objects.filter(pk=session.pk).update(status=SessionStatus.ENDED)
    answer = streamer_client.patch(f"/goals/{show.pk}", {"nbf": int(time.time())})
    assert answer.problem == (409, "session_ended", [])


@pytest.mark.parametrize(
    ("body", "code", "pointers"),
    [
        ({}, "invalid", [("", "required")]),
        ({"nbf": None}, "invalid", [("/nbf", "null")]),
        ({"nbf": True}, "invalid", [("/nbf", "invalid_type")]),
        ({"nbf": 600}, "invalid", [("/nbf", "duration")]),
        ({"nbf": 10**12}, "invalid", [("/nbf", "milliseconds")]),
        ({"levels": []}, "invalid", [("/levels", "min_length")]),
        ({"levels": [{"title": "x", "target": 0}]}, "invalid", [("/levels/0/target", "min_value")]),
        ({"exp": 1}, "unknown_field", [("/exp", "unknown_field")]),
        ({"status": "live"}, "unknown_field", [("/status", "unknown_field")]),
    ],
)
def test_bad_change_is_refused(
    streamer_client: ApiClient, show: Goal, body: Any, code: str, pointers: list[tuple[str, str]]
) -> None:
    before = everything_stored()
    answer = streamer_client.patch(f"/goals/{show.pk}", body)
    assert answer.problem == (400, code, pointers)
    assert everything_stored() == before


def test_others_cannot_tell_that_the_show_exists(show: Goal, streamer: User) -> None:
    other = ApiClient(UserFactory())
    assert other.patch(f"/goals/{show.pk}", {"nbf": 10**9}).problem == (404, "goal_not_found", [])
    query = f"?session_id={show.conditions.session_id}"
    assert other.post(f"/goals/{show.pk}/cancel{query}", {}).problem == (404, "goal_not_found", [])


def test_ended_show_can_be_neither_moved_nor_cancelled(streamer_client: ApiClient, show: Goal) -> None:
    start_now = {"nbf": int(time.time())}
    streamer_client.patch(f"/goals/{show.pk}", start_now)
    start(show)
    assert streamer_client.post(f"/sessions/{show.conditions.session_id}/end").status == 200
    moved = streamer_client.patch(f"/goals/{show.pk}", {"nbf": int(time.time()) + HOUR})
    cancelled = streamer_client.post(f"/goals/{show.pk}/cancel")
    assert (moved.problem, cancelled.problem) == ((409, "already_ended", []),) * 2


def test_show_is_changed_a_thousand_times_at_most(streamer_client: ApiClient, show: Goal) -> None:
    nbf = int(show.window[0].timestamp())
    connection.get_collection("goals").update_one({"_id": show.pk}, {"$set": {"version": MOST_CHANGES}})
    path = f"/goals/{show.pk}"
    too_many: Any = (409, "too_many_changes", [])

    assert streamer_client.patch(path, {"nbf": nbf + HOUR}).status == 200
    assert streamer_client.patch(path, {"nbf": nbf}).problem == too_many
    assert streamer_client.patch(path, {"nbf": nbf + HOUR}).status == 200  # this move changes nothing
    assert streamer_client.post(f"{path}/cancel", {}).status == 200
    assert streamer_client.patch(path, {"nbf": nbf}).problem == too_many
