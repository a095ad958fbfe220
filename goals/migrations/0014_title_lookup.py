"""Adds an index that finds goals by the beginnings of their titles (docs/adr/0060)."""

from typing import Any

from django.db import migrations

from mongodb.folded import create_folded_index

GOALS, NAME = "goals", "title_lookup"


def create(apps: Any, schema_editor: Any) -> None:
    create_folded_index(schema_editor, GOALS, "levels.title", NAME)


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.connection.get_collection(GOALS).drop_index(NAME)


class Migration(migrations.Migration):
    dependencies = [("goals", "0013_permissions")]
    operations = [migrations.RunPython(create, drop)]
