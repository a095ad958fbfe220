"""Adds an index that finds sessions by the beginnings of their titles (docs/adr/0060)."""

from typing import Any

from django.db import migrations

from mongodb.folded import create_folded_index

SESSIONS, NAME = "sessions", "title_lookup"


def create(apps: Any, schema_editor: Any) -> None:
    create_folded_index(schema_editor, SESSIONS, "title", NAME)


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.connection.get_collection(SESSIONS).drop_index(NAME)


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0005_newest")]
    operations = [migrations.RunPython(create, drop)]
