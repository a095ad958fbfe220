"""Creates indexes on keys inside `context`, `conditions` and `metadata`, which `Meta.indexes` can't express."""

from typing import Any

from django.db import migrations

GOALS = "goals"


def create(apps: Any, schema_editor: Any) -> None:
    """Create the unique index of shows by funding goal, the indexes by time, and the indexes of the lists of goals."""
    goals = schema_editor.connection.get_collection(GOALS)
    goals.create_index(
        [("context.funding_goal_id", 1)],
        name="one_show_a_funding_goal",
        unique=True,
        # Missing keys of embedded models are stored as null, so `$exists` alone would include them.
        partialFilterExpression={"_cls": "ShowGoal", "context.funding_goal_id": {"$type": "string"}},
    )
    goals.create_index(
        [("nbf", 1)], name="startable", partialFilterExpression={"_cls": "ShowGoal", "activated_at": None}
    )
    goals.create_index(
        [("activated_at", 1)], name="live", partialFilterExpression={"_cls": "ShowGoal", "exp": None}
    )
    goals.create_index([("exp", 1)], name="open", partialFilterExpression={"_cls": "ShowFundingGoal", "active": True})
    goals.create_index([("metadata.user_id", 1), ("_id", -1)], name="by_owner")
    goals.create_index([("conditions.session_id", 1), ("_id", -1)], name="by_session")


def drop(apps: Any, schema_editor: Any) -> None:
    goals = schema_editor.connection.get_collection(GOALS)
    for name in ("one_show_a_funding_goal", "startable", "live", "open", "by_owner", "by_session"):
        goals.drop_index(name)


class Migration(migrations.Migration):
    dependencies = [("goals", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
