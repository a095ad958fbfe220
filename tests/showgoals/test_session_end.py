"""`POST /sessions/{id}/end` ends the session, its live show and its funding."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from goals.access import whole_second_after
from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from sessions_app.models import Session
from showgoals.tasks import fold_contributions
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, queued_messages, stored_one
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.moments import WHOLE
from tests.factories.people import UserFactory

pytestmark = pytest.mark.django_db


def statuses() -> list[str]:
    return [str(goal.status(timezone.now() + timedelta(seconds=2))) for goal in Goal.objects.order_by("pk")]


def scheduled(session: Session) -> Goal:
    goal: Goal = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    return goal


def started(session: Session) -> Goal:
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=whole_second())
    activate_goal(str(show.pk), int(show.nbf.timestamp()))
    return Goal.objects.get(pk=show.pk)


def test_session_without_goals_ends(streamer_client: ApiClient, session: Session) -> None:
    answer = streamer_client.post(f"/sessions/{session.pk}/end", {})
    assert (answer.status, answer.body["status"], answer.body["ended_at"] is None) == (200, "ended", False)


def test_ending_twice_answers_the_same(streamer_client: ApiClient, session: Session) -> None:
    first = streamer_client.post(f"/sessions/{session.pk}/end", {})
    before = everything_stored()
    second = streamer_client.post(f"/sessions/{session.pk}/end", {})
    assert (second.status, second.body) == (200, first.body)
    assert everything_stored() == before


def test_funding_takes_no_payment_at_the_moment_of_its_early_end(
    streamer: User, viewer: User, session: Session
) -> None:
    """The end has announced the sum, so no payment may follow. Goals that end by themselves take payments at `exp`."""
    with time_machine.travel(WHOLE, tick=False):
        funding_goal = ShowFundingGoalFactory(session=session, exp=WHOLE)
        path = f"/goals/{funding_goal.pk}/contributions"
        before = ApiClient(viewer).post(path, {"amount": 5}, idempotency_key="1")
        ApiClient(streamer).post(f"/sessions/{session.pk}/end", {"cancel_shows": True})
        after = ApiClient(viewer).post(path, {"amount": 5}, idempotency_key="2")
    assert (before.status, after.problem) == (201, (409, "funding_closed", []))


def test_live_show_ends_with_its_session(streamer_client: ApiClient, session: Session) -> None:
    show = started(session)
    answer = streamer_client.post(f"/sessions/{session.pk}/end", {})
    (pair,) = answer.body["show_goal_pairs"]
    assert (answer.status, pair["show_ended"], statuses()) == (200, True, ["closed", "ended"])
    ended = Goal.objects.get(pk=show.pk)
    assert (ended.active, ended.exp is not None and ended.exp <= whole_second_after(timezone.now())) == (False, True)
    assert ("goal.ended", str(show.pk)) in [message.args[:2] for message in queued_messages("notify_goal")]


def test_show_whose_time_is_over_ends_at_its_own_end(
    session: Session, streamer: User, clock: time_machine.Traveller
) -> None:
    """No worker has ended the show yet."""
    show = started(session)
    access_exp = show.window[1]
    clock.move_to(access_exp + timedelta(seconds=5))
    assert ApiClient(streamer).post(f"/sessions/{session.pk}/end", {}).status == 200
    assert Goal.objects.get(pk=show.pk).exp == access_exp


def test_open_funding_closes_with_its_session(streamer_client: ApiClient, session: Session, viewer: User) -> None:
    goal = ShowFundingGoalFactory(session=session)
    streamer_client.post(f"/sessions/{session.pk}/end", {})
    assert statuses() == ["closed"]
    collection("goals").update_one({"_id": goal.pk}, {"$set": {"exp": timezone.now() - timedelta(seconds=1)}})
    answer = ApiClient(viewer).post(f"/goals/{goal.pk}/contributions", {"amount": 1}, idempotency_key="1")
    assert answer.problem == (409, "funding_closed", [])


def test_session_with_a_waiting_show_does_not_end(streamer_client: ApiClient, session: Session) -> None:
    scheduled(session)
    before = everything_stored()
    for body in ({}, {"cancel_shows": False}):
        answer = streamer_client.post(f"/sessions/{session.pk}/end", body)
        assert answer.problem == (409, "show_scheduled", [])
    assert everything_stored() == before


def test_waiting_show_is_cancelled_on_request(streamer_client: ApiClient, session: Session) -> None:
    show = scheduled(session)
    answer = streamer_client.post(f"/sessions/{session.pk}/end", {"cancel_shows": True})
    assert (answer.status, statuses()) == (200, ["closed", "cancelled"])
    (told,) = [message.args[3] for message in queued_messages("notify_goal") if message.args[0] == "goal.cancelled"]
    data = json.loads(str(told))
    assert (data["goal_id"], data["version"], data["reason"]) == (str(show.pk), 2, "session_ended")


@pytest.mark.parametrize("value", [1, "true", None, []])
def test_cancel_shows_must_be_a_boolean(streamer_client: ApiClient, session: Session, value: Any) -> None:
    status, code, _errors = streamer_client.post(f"/sessions/{session.pk}/end", {"cancel_shows": value}).problem
    assert (status, code) == (400, "invalid")


def test_others_cannot_end_it(session: Session) -> None:
    answer = ApiClient(UserFactory()).post(f"/sessions/{session.pk}/end", {})
    assert answer.problem == (404, "session_not_found", [])


def paid_without_show(session: Session, viewer: User) -> list[Goal]:
    """Return four paid funding goals: an open one, a closed one, a folded one, and one whose show was cancelled."""
    opened, closed, folded, with_cancelled_show = (
        ShowFundingGoalFactory(session=session, closed=index > 0, paid_by=[viewer]) for index in range(4)
    )
    fold_contributions(str(folded.pk))
    show = ShowGoalFactory(funding_goal=with_cancelled_show)
    assert ApiClient(session.user).post(f"/goals/{show.pk}/cancel").status == 200
    return [opened, closed, folded, with_cancelled_show]


@pytest.mark.parametrize("number", range(4))
def test_session_with_a_paid_funding_goal_without_show_does_not_end(
    streamer_client: ApiClient, session: Session, viewer: User, number: int
) -> None:
    goal = paid_without_show(session, viewer)[number]
    collection("goals").update_many({"_id": {"$ne": goal.pk}}, {"$set": {"settlement": {"state": "earned"}}})
    before = everything_stored()
    answer = streamer_client.post(f"/sessions/{session.pk}/end")
    assert (answer.problem, everything_stored()) == ((409, "funding_unsettled", []), before)


def test_funding_without_show_lapses_with_its_session_on_request(
    streamer_client: ApiClient, session: Session, viewer: User
) -> None:
    goals = paid_without_show(session, viewer)
    waiting = scheduled(session)
    unpaid = ShowFundingGoalFactory(session=session)
    assert streamer_client.post(f"/sessions/{session.pk}/end", {"cancel_shows": True}).status == 200
    ids = [*(str(goal.pk) for goal in goals), waiting.context.funding_goal_id, str(unpaid.pk)]
    settlements = [stored_one("goals", goal_id)["settlement"] for goal_id in ids]
    assert [(each["state"], each["reason"]) for each in settlements] == [("refund_due", "session_ended")] * 6
    assert [(each["total"], each["payers"]) for each in settlements] == [(5, 1)] * 4 + [(0, 0)] * 2
    lapsed = [message.args for message in queued_messages("batch_notify_payers") if message.args[0] == "goal.lapsed"]
    told = [str(args[1]) for args in lapsed]
    assert (sorted(told), queued_messages("lapse_funding_goal")) == (sorted(ids[:4]), [])


def test_performed_show_does_not_lapse_with_its_session(streamer_client: ApiClient, session: Session) -> None:
    show = started(session)
    streamer_client.post(f"/goals/{show.pk}/start")
    assert streamer_client.post(f"/sessions/{session.pk}/end", {"cancel_shows": True}).status == 200
    settlement = stored_one("goals", show.context.funding_goal_id)["settlement"]
    assert (settlement["state"], settlement["reason"]) == ("in_question", "ended_early")


def test_unpaid_funding_goal_lapses_with_its_session(streamer_client: ApiClient, session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session)
    assert streamer_client.post(f"/sessions/{session.pk}/end").status == 200
    settlement = stored_one("goals", goal.pk)["settlement"]
    assert (settlement["reason"], settlement["total"]) == ("session_ended", 0)
