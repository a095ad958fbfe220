"""An index on failed tasks by the goal that they are about: the page of a goal leads to them."""

from typing import Any

from django.db import migrations

RESULTS = "django_q_task"
NAME = "failures_of_goal"


def create(apps: Any, schema_editor: Any) -> None:
    """Keep successes, which have an index of django-q's, out of it."""
    schema_editor.connection.get_collection(RESULTS).create_index(
        [("group", 1), ("stopped", -1)], name=NAME, partialFilterExpression={"success": False}
    )


def drop(apps: Any, schema_editor: Any) -> None:
    """Leave failed tasks without it."""
    schema_editor.connection.get_collection(RESULTS).drop_index(NAME)


class Migration(migrations.Migration):
    dependencies = [("taskqueue", "0009_cluster_clock")]
    operations = [migrations.RunPython(create, drop)]
