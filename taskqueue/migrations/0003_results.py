"""Index the ids of results. They are Django's primary key, but MongoDB stores them in a field other than `_id`."""

from typing import Any

from django.db import migrations

RESULTS = "django_q_task"


def create(apps: Any, schema_editor: Any) -> None:
    """Create the index. Without it, reading one result scans the whole collection."""
    schema_editor.connection.get_collection(RESULTS).create_index([("id", 1)], name="result_id", unique=True)


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.connection.get_collection(RESULTS).drop_index("result_id")


class Migration(migrations.Migration):
    dependencies = [("taskqueue", "0002_dead_letters")]
    operations = [migrations.RunPython(create, drop)]
