"""The ORM's pipelines sort by an index where they can, and do not fetch deferred fields."""

from typing import Any

import pytest
from django.db.models import Count, F
from django.test.utils import CaptureQueriesContext

from goals.models import Goal
from sessions_app.models import Session
from showgoals.models import Contribution, ShowFundingGoal
from tests.factories.documents import connection
from tests.factories.goals import ContributionFactory, SessionFactory, ShowFundingGoalFactory

pytestmark = pytest.mark.django_db


def sent(evaluate: Any) -> str:
    with CaptureQueriesContext(connection) as queries:
        evaluate()
    return str(queries[0]["sql"])


def test_order_by_a_column_computes_nothing() -> None:
    assert sent(lambda: list(Session.objects.all()[:5])) == (
        "db.sessions.aggregate([{'$sort': SON([('_id', -1)])}, {'$limit': 5}])"
    )


def test_order_by_an_expression_computes_it() -> None:
    sessions = [SessionFactory(title=title) for title in ("b", "a")]
    by_title = Session.objects.order_by(F("title").asc(nulls_last=True))

    assert [session.pk for session in by_title] == [session.pk for session in reversed(sessions)]


def test_order_by_another_collection_joins_it() -> None:
    sessions = [SessionFactory(user__username=name) for name in ("b", "a")]

    assert list(Session.objects.order_by("user__username")) == sessions[::-1]


def test_deferred_field_stays_on_the_server() -> None:
    goal = ShowFundingGoalFactory()

    query = sent(lambda: ShowFundingGoal.objects.filter(pk=goal.pk).first())

    assert query.endswith("{'$sort': SON([('_id', -1)])}, {'$limit': 1}, {'$unset': ['breakdown']}])")


def test_deferred_field_is_read_when_asked_for() -> None:
    goal = ShowFundingGoalFactory()
    connection.get_collection("goals").update_one({"_id": goal.pk}, {"$set": {"breakdown": {"a": {"amount": 5}}}})

    assert Goal.objects.get(pk=goal.pk).breakdown == {"a": {"amount": 5}}


def test_only_leaves_the_rest_on_the_server() -> None:
    contribution = ContributionFactory()

    query = sent(lambda: Contribution.objects.only("amount").get(pk=contribution.pk))

    unset = "{'$unset': ['funding_goal_id', 'viewer_id', 'key', 'folded', 'created_at']}"
    assert query.endswith(f"{unset}])")
    assert Contribution.objects.only("amount").get(pk=contribution.pk).key == contribution.key


def test_values_counts_and_joins_are_what_they_were() -> None:
    session = SessionFactory()
    goals = ShowFundingGoalFactory.create_batch(2, session=session)

    assert list(Goal.objects.values_list("pk", flat=True)) == [goal.pk for goal in reversed(goals)]
    assert list(Goal.objects.order_by("kind").values_list("kind").distinct()) == [("ShowFundingGoal",)]
    assert Goal.objects.count() == 2
    assert Session.objects.aggregate(total=Count("pk")) == {"total": 1}
    assert Session.objects.select_related("user").only("title", "user__username").get().user == session.user
