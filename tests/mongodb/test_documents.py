"""Instances made from documents equal those that a query returns."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import Model, Q, QuerySet

from goals.kinds import GoalKind
from goals.models import Goal
from mongodb.collections import collection
from mongodb.documents import fetch, insert, instance
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


@pytest.mark.django_db
def test_insert_stores_what_save_does() -> None:
    ShowGoalFactory()
    show = next(document for document in stored("goals") if document["_cls"] == "ShowGoal")
    saved, inserted = (instance(Goal, {**show, "_id": None}) for _ in range(2))
    # A funding goal can have only one show.
    saved.context.funding_goal_id, inserted.context.funding_goal_id = "0" * 24, "1" * 24

    saved.save(force_insert=True)
    insert(inserted)

    first, second = (collection("goals").find_one({"_id": goal.pk}) for goal in (saved, inserted))
    second["context"]["funding_goal_id"] = "0" * 24
    assert list(first.items())[1:] == list(second.items())[1:]
    assert (inserted._state.adding, inserted._state.db) == (saved._state.adding, saved._state.db)


@pytest.mark.django_db
def test_insert_of_an_id_that_exists_is_an_integrity_error() -> None:
    session = SessionFactory()

    with pytest.raises(IntegrityError):
        insert(session)
