"""`GET /me/contributions` lists the caller's own payments."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from goals.models import Goal
from sessions_app.models import Session
from showgoals.exclusions import EXCLUSIONS, exclusion_id
from tests.factories.client import ApiClient
from tests.factories.documents import connection
from tests.factories.goals import HOUR, ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.people import UserFactory
from tests.factories.profiler import WHOLE_INDEX, profiled

pytestmark = pytest.mark.django_db


def settled(goal: Goal, state: str) -> None:
    settlement = {"state": state, "reason": "?", "decided_at": timezone.now(), "total": 5, "payers": 1}
    connection.get_collection("goals").update_one({"_id": goal.pk}, {"$set": {"settlement": settlement}})


def outcomes(client: ApiClient) -> list[str]:
    return [row["outcome"] for row in client.get("/me/contributions").body["results"]]


def test_two_payments_at_once_are_both_listed(viewer_client: ApiClient, session: Session) -> None:
    goal = ShowFundingGoalFactory(session=session)
    ContributionFactory(funding_goal=goal, viewer=UserFactory())
    paid = [
        viewer_client.post(f"/goals/{goal.pk}/contributions", {"amount": amount}, idempotency_key=f"tap {amount}").body
        for amount in (200, 300)
    ]

    answer = viewer_client.get("/me/contributions")

    assert (answer.status, answer.body) == (
        200,
        {
            "next": None,
            "previous": None,
            "results": [
                {
                    **{name: each[name] for name in ("id", "goal_id", "amount", "created_at")},
                    "session_id": str(session.pk),
                    "outcome": "pending",
                    "show": None,
                }
                for each in reversed(paid)
            ],
        },
    )


def test_payment_names_its_show(viewer: User, viewer_client: ApiClient) -> None:
    funding_goal = ShowFundingGoalFactory(closed=True, paid_by=[viewer])
    show = ShowGoalFactory(funding_goal=funding_goal, nbf=whole_second() + HOUR)
    expected = {name: answered(show)[name] for name in ("id", "status", "nbf", "access_exp")}
    assert expected["status"] == "scheduled"

    (row,) = viewer_client.get("/me/contributions").body["results"]
    assert row["show"] == expected
    ApiClient(User.objects.get(pk=show.metadata.user_id)).post(f"/goals/{show.pk}/cancel")
    (row,) = viewer_client.get("/me/contributions").body["results"]
    assert row["show"] == {**expected, "status": "cancelled"}


def answered(show: Goal) -> Any:
    return ApiClient(User.objects.get(pk=show.metadata.user_id)).get(f"/goals/{show.pk}").body


@pytest.mark.parametrize("state", ["in_question", "earned", "refund_due"])
def test_outcome_is_that_of_the_funding_goal(viewer: User, viewer_client: ApiClient, state: str) -> None:
    first, second = (ShowFundingGoalFactory(paid_by=[viewer]) for _ in range(2))
    settled(first, state)

    assert sorted(outcomes(viewer_client)) == sorted(["pending", state])
    for goal in (first, second):
        excluded = {"_id": exclusion_id(str(goal.pk), str(viewer.pk)), "reason": "chargeback", "at": timezone.now()}
        connection.get_collection(EXCLUSIONS).insert_one(excluded)
    assert outcomes(viewer_client) == ["refund_due"] * 2


def test_account_without_payments_has_none(streamer_client: ApiClient, viewer: User) -> None:
    ShowFundingGoalFactory(paid_by=[viewer])

    assert outcomes(streamer_client) == []
    assert ApiClient().get("/me/contributions").problem == (401, "not_authenticated", [])
    assert streamer_client.get("/me/contributions", outcome="earned").problem == (
        *(400, "invalid"),
        [("/outcome", "unknown_parameter")],
    )


def test_page_takes_the_same_indexed_queries_whatever_its_size(viewer: User, viewer_client: ApiClient) -> None:
    for _ in range(5):
        ShowGoalFactory(funding_goal=ShowFundingGoalFactory(closed=True, paid_by=[viewer]))
    read = []
    for size in ("1", "4"):
        following = viewer_client.get("/me/contributions", page_size=size).body["next"]
        with profiled() as profile:
            assert viewer_client.get(following).status == 200
        assert [query for query in profile.queries if query.stages & {"COLLSCAN", WHOLE_INDEX, "SORT"}] == []
        read.append(sorted(query.collection for query in profile.queries))

    assert read == [["auth_user", "contributions", "exclusions", "goals", "goals"]] * 2
