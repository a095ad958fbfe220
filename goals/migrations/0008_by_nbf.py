"""Adds the indexes of the lists of goals that are sorted by `nbf`, then by the id."""

from typing import Any

from django.db import migrations

GOALS = "goals"
BY_NBF = [("nbf", 1), ("_id", 1)]
KEYS: dict[str, list[tuple[str, int]]] = {
    "owners_by_nbf": [("metadata.user_id", 1), *BY_NBF],
    "sessions_by_nbf": [("conditions.session_id", 1), *BY_NBF],
}


def create(apps: Any, schema_editor: Any) -> None:
    """Create the indexes. An interrupted run can be repeated."""
    for name, keys in KEYS.items():
        schema_editor.connection.get_collection(GOALS).create_index(keys, name=name)


def drop(apps: Any, schema_editor: Any) -> None:
    """Drop those indexes that exist."""
    goals = schema_editor.connection.get_collection(GOALS)
    for name in goals.index_information().keys() & KEYS.keys():
        goals.drop_index(name)


class Migration(migrations.Migration):
    dependencies = [("goals", "0007_version")]
    operations = [migrations.RunPython(create, drop)]
