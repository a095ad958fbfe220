"""Instances made from documents equal those that a query returns."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Model, Q, QuerySet

from goals.kinds import GoalKind
from goals.models import Goal
from mongodb.documents import fetch, instance
from sessions_app.models import Session
from tests.factories.documents import stored
from tests.factories.goals import SessionFactory, ShowGoalFactory


def contents(value: Any) -> Any:
    """Return all values of a model instance, including those of embedded models."""
    if isinstance(value, list):
        return [contents(each) for each in value]
    if not isinstance(value, Model):
        return type(value), value
    fields = {name: contents(inner) for name, inner in vars(value).items() if name != "_state"}
    return type(value), value._state.adding, fields


@pytest.mark.django_db
def test_instance_of_a_document_equals_the_querys() -> None:
    ShowGoalFactory()
    documents = stored("goals")
    assert sorted(document["_cls"] for document in documents) == ["ShowFundingGoal", "ShowGoal"]
    for document in documents:
        asked = Goal.objects.get(pk=document["_id"])
        assert contents(instance(Goal, document, deferred=["breakdown"])) == contents(asked)
        asked.refresh_from_db(fields=["breakdown"])
        assert contents(instance(Goal, document)) == contents(asked)


def test_instance_of_a_document_without_a_field_has_null_there() -> None:
    assert instance(Goal, {"_id": "a", "levels": [], "context": {}}).nbf is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "asked",
    [
        Goal.objects.all,
        Goal.objects.none,
        lambda: Goal.objects.order_by("kind", "-pk")[:3],
        lambda: Goal.objects.filter(Q(kind=GoalKind.SHOW) | Q(nbf__isnull=True), context__show_goal_id__isnull=True),
        lambda: Goal.objects.exclude(kind=GoalKind.SHOW).order_by("created_at"),
        lambda: Session.objects.filter(title__in=["b", "c"]).order_by("-title"),
        lambda: Session.objects.filter(pk__in=[]),
    ],
)
def test_fetch_returns_what_the_queryset_does(asked: Callable[[], QuerySet[Any]]) -> None:
    for title in "abc":
        ShowGoalFactory(funding_goal__session=SessionFactory(title=title))

    assert [contents(each) for each in fetch(asked())] == [contents(each) for each in asked()]
