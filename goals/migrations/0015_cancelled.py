"""Adds an index of the cancelled shows. It is updated only when a show is cancelled or brought back."""

from datetime import UTC, datetime
from typing import Any

from django.db import migrations

GOALS, NAME = "goals", "cancelled"
# MongoDB uses the index for queries with this condition, but not for queries with "is not null".
CONDITION = {"cancelled_at": {"$gt": datetime(1970, 1, 1, tzinfo=UTC)}}


def create(apps: Any, schema_editor: Any) -> None:
    goals = schema_editor.connection.get_collection(GOALS)
    goals.create_index([("cancelled_at", -1)], name=NAME, partialFilterExpression=CONDITION)


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.connection.get_collection(GOALS).drop_index(NAME)


class Migration(migrations.Migration):
    dependencies = [("goals", "0014_title_lookup")]
    operations = [migrations.RunPython(create, drop)]
