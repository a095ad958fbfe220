"""Replaces the indexes of the lists of goals, which are now sorted by `created_at`, then by the id.

Processes with the old code sort these lists in memory until they are restarted.
"""

from typing import Any

from django.db import migrations

GOALS = "goals"
NEWEST = [("created_at", -1), ("_id", -1)]
# No index begins with `_cls`, because MongoDB might prefer it to the partial indexes that find the shows to start.
KEYS: dict[str, list[tuple[str, int]]] = {
    "owners_newest": [("metadata.user_id", 1), *NEWEST],
    "sessions_newest": [("conditions.session_id", 1), *NEWEST],
    "newest": NEWEST,
}
FORMER_KEYS = {
    "by_owner": [("metadata.user_id", 1), ("_id", -1)],
    "by_session": [("conditions.session_id", 1), ("_id", -1)],
}


def create(apps: Any, schema_editor: Any) -> None:
    _replace(schema_editor.connection.get_collection(GOALS), FORMER_KEYS, KEYS)


def drop(apps: Any, schema_editor: Any) -> None:
    _replace(schema_editor.connection.get_collection(GOALS), KEYS, FORMER_KEYS)


def _replace(goals: Any, former: Any, latter: Any) -> None:
    """Create the new indexes, then drop those old ones that exist, so that an interrupted run can be repeated."""
    for name, keys in latter.items():
        goals.create_index(keys, name=name)
    for name in goals.index_information().keys() & former.keys():
        goals.drop_index(name)


class Migration(migrations.Migration):
    dependencies = [("goals", "0005_unended")]
    operations = [migrations.RunPython(create, drop)]
