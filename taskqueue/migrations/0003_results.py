"""An index on the id of a result: Django's primary key of django-q's tasks, for MongoDB a field like any other."""

from typing import Any

from django.db import migrations

RESULTS = "django_q_task"


def create(apps: Any, schema_editor: Any) -> None:
    """Without it each look at one result reads them all."""
    schema_editor.connection.get_collection(RESULTS).create_index([("id", 1)], name="result_id", unique=True)


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.connection.get_collection(RESULTS).drop_index("result_id")


class Migration(migrations.Migration):
    dependencies = [("taskqueue", "0002_dead_letters")]
    operations = [migrations.RunPython(create, drop)]
