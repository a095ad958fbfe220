"""Deletes fetches of credentials after a month."""

from typing import Any

from django.db import migrations

FETCHES = "credential_fetches"
KEPT_SECONDS = 30 * 24 * 3600


def create(apps: Any, schema_editor: Any) -> None:
    """Create the TTL index."""
    fetches = schema_editor.connection.get_collection(FETCHES)
    fetches.create_index([("last_at", 1)], name="expires", expireAfterSeconds=KEPT_SECONDS)


def drop(apps: Any, schema_editor: Any) -> None:
    """Drop the index."""
    schema_editor.connection.get_collection(FETCHES).drop_index("expires")


class Migration(migrations.Migration):
    dependencies = [("showgoals", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
