"""Instances made from documents equal those that a query returns."""

from typing import Any

import pytest
from django.db.models import Model

from goals.models import Goal
from mongodb.documents import instance
from tests.factories.documents import stored
from tests.factories.goals import ShowGoalFactory


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
