"""An index that finds a user by name."""

from django.db import migrations

USERS, NAME = "auth_user", "username_lookup"


def create(apps, schema_editor):
    """Create a full index. The index of 0001 is partial (`$type: string`), so `{username: "mei"}` doesn't use it."""
    schema_editor.connection.get_collection(USERS).create_index([("username", 1)], name=NAME)


def drop(apps, schema_editor):
    schema_editor.connection.get_collection(USERS).drop_index(NAME)


class Migration(migrations.Migration):
    dependencies = [("auth", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
