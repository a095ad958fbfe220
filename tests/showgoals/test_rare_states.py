"""Goals in rare states are found by indexes of their own."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from goals.models import Goal
from goals.states import GoalStatus
from mongodb.collections import collection, connection
from sessions_app.models import Session
from showgoals.filters import few_with_status
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.moments import NOW
from tests.factories.profiler import profiled

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def test_cancelled_shows_are_found_those_first_that_were_cancelled_last(
    session: Session, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shows: list[Goal] = [
        ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True), nbf=NOW + number * HOUR)
        for number in range(1, 5)
    ]
    goals = collection("goals")
    for age, show in enumerate(shows[:3]):
        cancelled = {"cancelled_at": NOW - timedelta(days=age)}
        goals.update_one({"_id": show.pk}, {"$set": cancelled})
    goals.update_one({"_id": shows[2].pk}, {"$set": {"cancelled_at": None}})  # the show was brought back

    assert few_with_status("cancelled", now=NOW) == [shows[0].pk, shows[1].pk]
    monkeypatch.setattr("showgoals.filters.MOST_FEW", 1)
    found = admin.get(reverse("admin:goals_goal_changelist"), {"status": "cancelled", "q": str(session.pk)})
    assert {goal.pk for goal in found.context["cl"].result_list} == {shows[0].pk, shows[1].pk}


@pytest.mark.parametrize(
    ("status", "index"),
    [("scheduled", "unended"), ("live", "unended"), ("open", "open"), ("cancelled", "cancelled")],
)
def test_rare_states_are_found_by_an_index_that_has_no_others(session: Session, status: str, index: str) -> None:
    with profiled() as profile:
        assert few_with_status(status, now=NOW) == []

    (query,) = profile.queries
    plan = str(connection.database.command("explain", query.command)["queryPlanner"]["winningPlan"])
    assert query.stages & {"COLLSCAN", "SORT"} == set()
    assert (f"'indexName': '{index}'" in plan, "'isPartial': True" in plan) == (True, True)


def test_other_states_are_common() -> None:
    assert [status for status in GoalStatus.values if few_with_status(status, now=NOW) is None] == ["ended", "closed"]
