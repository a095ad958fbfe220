"""An index on failed tasks by goal, for the list to which the page of a goal leads."""

from typing import Any

from django.db import migrations

RESULTS = "django_q_task"
NAME = "failures_of_goal"


def create(apps: Any, schema_editor: Any) -> None:
    """Create the index, without successes, which have an index of django-q's."""
    schema_editor.connection.get_collection(RESULTS).create_index(
        [("group", 1), ("stopped", -1)], name=NAME, partialFilterExpression={"success": False}
    )


def drop(apps: Any, schema_editor: Any) -> None:
    """Drop the index."""
    schema_editor.connection.get_collection(RESULTS).drop_index(NAME)


class Migration(migrations.Migration):
    dependencies = [("taskqueue", "0009_cluster_clock")]
    operations = [migrations.RunPython(create, drop)]
