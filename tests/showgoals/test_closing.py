"""`POST /goals/{id}/close` closes a funding goal before its `exp`."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from time_machine import Traveller

from goals.models import Goal
from sessions_app.models import Session
from tests.factories.bodies import show_body
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, queued_messages, stored
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def funding(session: Session) -> Goal:
    goal: Goal = ShowFundingGoalFactory(session=session)
    return goal


def test_closed_goal_takes_no_payments_and_can_have_its_show_at_once(
    streamer_client: ApiClient, viewer: User, funding: Goal
) -> None:
    ContributionFactory(funding_goal=funding, viewer=viewer)
    answer = streamer_client.post(f"/goals/{funding.pk}/close")
    assert (answer.status, answer.body["status"], answer.body["progress"], answer.body["version"]) == (
        200,
        "closed",
        5,
        2,
    )
    payment = ApiClient(viewer).post(f"/goals/{funding.pk}/contributions", {"amount": 5}, idempotency_key="1")
    assert payment.problem == (409, "funding_closed", [])
    assert streamer_client.post("/goals?type=show", show_body(Goal.objects.get(pk=funding.pk))).status == 201


def test_end_is_announced_once_and_its_message_withdrawn(streamer_client: ApiClient, funding: Goal) -> None:
    assert len(queued_messages("deactivate_goal")) == 1
    streamer_client.post(f"/goals/{funding.pk}/close")
    before = everything_stored()
    again = streamer_client.post(f"/goals/{funding.pk}/close")
    assert (again.problem, everything_stored()) == ((409, "already_ended", []), before)
    assert queued_messages("deactivate_goal") == []
    assert len(stored("goal_timeline", goal_id=str(funding.pk), name="goal.ended", kind="signal")) == 1


def test_closed_goal_is_closed_on_a_host_whose_clock_is_behind(
    clock: Traveller, streamer: User, session: Session, viewer: User
) -> None:
    with_show, without_show = (ShowFundingGoalFactory(session=session, paid_by=[viewer]) for _number in range(2))
    client = ApiClient(streamer)
    for goal in (with_show, without_show):
        assert client.post(f"/goals/{goal.pk}/close").status == 200
    clock.shift(timedelta(seconds=-2))

    assert client.post("/goals?type=show", show_body(Goal.objects.get(pk=with_show.pk))).status == 201
    assert client.post(f"/sessions/{session.pk}/end", {"cancel_shows": True}).status == 200
    for goal in (with_show, without_show):
        assert len(stored("goal_timeline", goal_id=str(goal.pk), name="goal.ended", kind="signal")) == 1


def test_goal_without_exp_can_be_closed(streamer_client: ApiClient, session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session, exp=None)
    assert streamer_client.post(f"/goals/{goal.pk}/close").body["status"] == "closed"


def test_goal_whose_exp_is_past_has_ended(streamer_client: ApiClient, session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session, closed=True)
    assert streamer_client.post(f"/goals/{goal.pk}/close").problem == (409, "already_ended", [])


def test_show_is_not_closed(streamer_client: ApiClient, session: Session) -> None:
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    assert streamer_client.post(f"/goals/{show.pk}/close").problem == (409, "not_closable", [])


def test_five_closings_at_once_are_one(streamer: User, funding: Goal) -> None:
    statuses = at_once([lambda: ApiClient(streamer).post(f"/goals/{funding.pk}/close").status] * 5)
    assert sorted(statuses) == [200, 409, 409, 409, 409]
    assert len(stored("goal_timeline", goal_id=str(funding.pk), name="goal.ended", kind="signal")) == 1
