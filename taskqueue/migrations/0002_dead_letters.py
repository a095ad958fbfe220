"""An index on failed tasks, which are kept for ever: the admin lists them and `/metrics` counts them."""

from typing import Any

from django.db import migrations

RESULTS = "django_q_task"


def create(apps: Any, schema_editor: Any) -> None:
    """Create the index, without the many successes."""
    schema_editor.connection.get_collection(RESULTS).create_index(
        [("success", 1), ("stopped", -1)], name="dead_letters", partialFilterExpression={"success": False}
    )


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.connection.get_collection(RESULTS).drop_index("dead_letters")


class Migration(migrations.Migration):
    dependencies = [("taskqueue", "0001_indexes")]
    operations = [migrations.RunPython(create, drop)]
