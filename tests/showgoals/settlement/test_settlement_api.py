"""The API shows the settlement of a funding goal, lets staff decide it, and returns the outcomes as a CSV file."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from time_machine import Traveller

from api.authentication import issue_access
from goals.models import Goal
from goals.tasks import activate_goal, deactivate_goal
from mongodb.collections import collection
from sessions_app.models import Session
from showgoals.settlement.reading import outcomes_as_csv
from showgoals.settlement.tasks import lapse_funding_goal
from showgoals.tasks import fold_contributions
from tests.factories.bodies import show_body
from tests.factories.client import ApiClient
from tests.factories.documents import everything_stored, stored, stored_one, timeline
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import SECONDS, WHOLE
from tests.factories.people import StaffFactory, UserFactory
from tests.factories.threads import at_once
from tests.showgoals.settlement.conftest import Close

EARNED, REFUND = ({"outcome": outcome, "reason": "We have asked."} for outcome in ("earned", "refund_due"))
UNDECIDED = {"decided_at": None, "decided_by": None, "reason": None}


@pytest.fixture
def decider(clock: Traveller) -> ApiClient:
    return ApiClient(StaffFactory(username="mei", permissions=("decide_settlement",)))


@pytest.fixture
def in_question(clock: Traveller, session: Session, viewer: User) -> Goal:
    """A funding goal whose show has ended, though nothing proves that it was performed."""
    goal = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    return ended(goal, clock)


def ended(funding_goal: Goal, clock: Traveller, **show: Any) -> Goal:
    show_goal = ShowGoalFactory(funding_goal=funding_goal, nbf=WHOLE + timedelta(seconds=10), **show)
    clock.move_to(show_goal.window[0])
    activate_goal(str(show_goal.pk), int(show_goal.window[0].timestamp()))
    clock.move_to(show_goal.window[1])
    assert deactivate_goal(str(show_goal.pk), int(show_goal.window[1].timestamp())) == "ended"
    return Goal.objects.get(pk=funding_goal.pk)


def read(client: ApiClient, goal: Goal) -> Any:
    answer = client.get(f"/goals/{goal.pk}/settlement")
    assert answer.status == 200
    return answer.body


def csv_of(person: User, goal: Goal) -> Any:
    client = Client(headers={"Authorization": f"Bearer {issue_access(person)}", "Accept": "text/csv"})
    answer = client.get(f"/goals/{goal.pk}/settlement.csv")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]


def test_settlement_follows_the_life_of_its_goal(
    clock: Traveller, session: Session, streamer: User, viewer: User
) -> None:
    client = ApiClient(streamer)
    closes = WHOLE + timedelta(seconds=1)
    goal = ShowFundingGoalFactory(session=session, exp=closes, hesitation_countdown=60, paid_by=[viewer])
    states = [read(client, goal)]
    clock.shift(timedelta(seconds=1))
    deactivate_goal(str(goal.pk), SECONDS + 1)
    states.append(read(client, goal))
    show = ShowGoalFactory(funding_goal=goal, nbf=WHOLE + HOUR, target_seconds=59)
    states.append(read(client, goal))
    client.post(f"/goals/{show.pk}/cancel")
    states.append(read(client, goal))
    clock.shift(timedelta(seconds=61))
    lapse_funding_goal(str(goal.pk), SECONDS + 62)
    states.append(read(client, goal))
    nothing = {**UNDECIDED, "as_sold": None}
    assert states == [
        {**nothing, "state": "open", "total": 0, "payers": 0},  # the payment is not folded yet
        {**nothing, "state": "awaiting_show", "total": 5, "payers": 1},
        {**nothing, "state": "awaiting_performance", "as_sold": False, "total": 5, "payers": 1},
        {**nothing, "state": "awaiting_show", "total": 5, "payers": 1},
        {
            "state": "refund_due",
            "decided_at": SECONDS + 62,
            "decided_by": None,
            "reason": "show_cancelled",
            "as_sold": None,
            "total": 5,
            "payers": 1,
        },
    ]


@pytest.mark.parametrize(("body", "outcome"), [(EARNED, "earned"), (REFUND, "refund_due")])
def test_person_decides_what_is_in_question(
    in_question: Goal, decider: ApiClient, body: dict[str, str], outcome: str
) -> None:
    answer = decider.post(f"/goals/{in_question.pk}/settlement", body)
    now = SECONDS + 70
    expected = {"state": outcome, "reason": "We have asked.", "decided_at": now, "decided_by": "mei", "as_sold": True}
    assert (answer.status, answer.body) == (200, {**expected, "total": 5, "payers": 1})
    (row,) = [row for row in timeline(in_question.pk) if row["outcome"] == "changed_by"]
    assert (row["name"], row["detail"]) == ("decide_settlement", f"version 4, staff mei: {outcome}: We have asked.")
    assert stored_one("goals", in_question.pk)["version"] == 4
    announced = stored("goal_timeline", goal_id=str(in_question.pk), name="settlement.decided")
    assert len(announced) == 2


def test_same_decision_again_changes_nothing_and_another_is_refused(in_question: Goal, decider: ApiClient) -> None:
    first = decider.post(f"/goals/{in_question.pk}/settlement", REFUND)
    before = everything_stored()
    again = decider.post(f"/goals/{in_question.pk}/settlement", {**REFUND, "reason": "Once more."})
    other = decider.post(f"/goals/{in_question.pk}/settlement", EARNED)
    assert (again.status, again.body, other.problem) == (200, first.body, (409, "already_decided", []))
    assert everything_stored() == before


def test_ten_decisions_at_once_are_one(in_question: Goal, decider: ApiClient) -> None:
    path = f"/goals/{in_question.pk}/settlement"
    answers = at_once([lambda: decider.post(path, EARNED)] * 5 + [lambda: decider.post(path, REFUND)] * 5)
    assert sorted(answer.status for answer in answers) == [200] * 5 + [409] * 5
    assert len(stored("goal_timeline", goal_id=str(in_question.pk), name="settlement.decided")) == 2


def test_person_decides_about_goals_that_an_earlier_release_has_closed(
    close: Close, decider: ApiClient, streamer: User
) -> None:
    client, without_show, with_cancelled_show = ApiClient(streamer), close(), close()
    show = ShowGoalFactory(funding_goal=with_cancelled_show)
    client.post(f"/goals/{show.pk}/cancel")
    collection("goals").update_many({}, {"$unset": {"lapses_at": "", "settlement": "", "lapsed_version": ""}})
    for goal in (without_show, with_cancelled_show):
        assert read(client, goal)["state"] == "awaiting_show"
        decided = decider.post(f"/goals/{goal.pk}/settlement", REFUND)
        assert (decided.status, decided.body["state"], decided.body["as_sold"]) == (200, "refund_due", None)
        assert client.post("/goals?type=show", show_body(goal)).problem == (409, "funding_lapsed", [])
    assert client.patch(f"/goals/{show.pk}", {"nbf": SECONDS + 60}).problem == (409, "funding_lapsed", [])


def test_what_is_not_in_question_is_not_decided(
    clock: Traveller, session: Session, waiting: Goal, decider: ApiClient
) -> None:
    opened = ShowFundingGoalFactory(session=session)
    closing = ShowFundingGoalFactory(session=session, closed=True)  # no worker has ended the goal yet
    scheduled = ShowFundingGoalFactory(session=session, closed=True)
    show = ShowGoalFactory(funding_goal=scheduled)
    for goal in (opened, closing, scheduled, waiting):
        answer = decider.post(f"/goals/{goal.pk}/settlement", REFUND)
        assert answer.problem == (409, "not_in_question", [])
    assert decider.post(f"/goals/{show.pk}/settlement", REFUND).problem == (409, "not_a_funding_goal", [])
    client = ApiClient(session.user)
    for path in ("settlement", "settlement.csv"):
        assert client.get(f"/goals/{show.pk}/{path}").problem == (409, "not_a_funding_goal", [])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/outcome"),
        ({"outcome": "in_question", "reason": "x"}, "/outcome"),
        ({"outcome": "earned"}, "/reason"),
        ({"outcome": "earned", "reason": " "}, "/reason"),
        ({"outcome": "earned", "reason": "x" * 401}, "/reason"),
    ],
)
def test_bad_decision_is_refused(in_question: Goal, decider: ApiClient, body: dict[str, str], pointer: str) -> None:
    status, code, errors = decider.post(f"/goals/{in_question.pk}/settlement", body).problem
    assert (status, code, pointer in [at for at, _code in errors]) == (400, "invalid", True)


def test_csv_has_a_row_for_each_payer_and_adds_up(in_question: Goal, streamer: User, viewer: User) -> None:
    collection("goals").update_one(
        {"_id": in_question.pk}, {"$set": {"breakdown.=1+1": {"amount": 2}}, "$inc": {"progress": 2}}
    )
    assert csv_of(streamer, in_question) == [
        "viewer,amount,outcome",
        f"{viewer.pk},5,in_question",
        "'=1+1,2,in_question",
    ]


def test_csv_of_many_payers_is_sent_in_parts(waiting: Goal) -> None:
    paid = {str(ObjectId()): {"amount": 3} for _ in range(2500)}
    collection("goals").update_one({"_id": waiting.pk}, {"$set": {"breakdown": paid}})
    parts = [part.splitlines() for part in outcomes_as_csv(str(waiting.pk))]
    assert [len(part) for part in parts] == [1000, 1000, 501]
    assert [row.split(",")[0] for part in parts for row in part][1:] == list(paid)


def test_excluded_payer_gets_the_money_back(waiting: Goal, streamer: User, viewer: User) -> None:
    staff = ApiClient(StaffFactory(permissions=("exclude_payers",)))
    assert csv_of(streamer, waiting)[1:] == [f"{viewer.pk},5,pending"]
    assert staff.post(f"/goals/{waiting.pk}/payers/{viewer.pk}/exclude", {"reason": "x"}).status == 200
    assert csv_of(streamer, waiting)[1:] == [f"{viewer.pk},5,refund_due"]


def test_csv_of_a_goal_without_payers_has_a_head_only(clock: Traveller, session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session)
    assert csv_of(session.user, goal) == ["viewer,amount,outcome"]


def test_payment_after_the_decision_adds_to_its_sums(in_question: Goal, decider: ApiClient) -> None:
    decider.post(f"/goals/{in_question.pk}/settlement", REFUND)
    late = UserFactory()
    collection("contributions").insert_one(
        {"funding_goal_id": str(in_question.pk), "viewer_id": str(late.pk), "amount": 7, "key": "1", "folded": False}
        | {"created_at": WHOLE}
    )
    fold_contributions(str(in_question.pk))
    goal = stored_one("goals", in_question.pk)
    assert (goal["settlement"]["total"], goal["settlement"]["payers"], goal["version"]) == (12, 2, 5)
