"""Adds an index of shows by nbf in place of two indexes, which each start had to update (docs/adr/0031).

Processes with the old code look for running shows without an index, every 30 seconds, until they are restarted.
"""

from typing import Any

from django.db import migrations

GOALS = "goals"
SHOW = {"_cls": "ShowGoal"}
UNENDED = {**SHOW, "exp": None, "cancelled_at": None}


def create(apps: Any, schema_editor: Any) -> None:
    goals = schema_editor.connection.get_collection(GOALS)
    goals.create_index([("nbf", 1)], name="unended", partialFilterExpression=UNENDED)
    _drop(goals, "startable", "live")


def drop(apps: Any, schema_editor: Any) -> None:
    goals = schema_editor.connection.get_collection(GOALS)
    goals.create_index([("nbf", 1)], name="startable", partialFilterExpression={**SHOW, "activated_at": None})
    goals.create_index([("activated_at", 1)], name="live", partialFilterExpression={**SHOW, "exp": None})
    _drop(goals, "unended")


def _drop(goals: Any, *names: str) -> None:
    """Drop those indexes that exist, so that an interrupted run can be repeated."""
    for name in goals.index_information().keys() & set(names):
        goals.drop_index(name)


class Migration(migrations.Migration):
    dependencies = [("goals", "0004_timeline_rows")]
    operations = [migrations.RunPython(create, drop)]
