"""Indexes that find users by the beginning of their user name or email address (docs/adr/0060)."""

from django.db import migrations

from mongodb.folded import create_folded_index

USERS, NAMES = "auth_user", {"username": "username_folded", "email": "email_folded"}


def create(apps, schema_editor):
    for field, name in NAMES.items():
        create_folded_index(schema_editor, USERS, field, name)


def drop(apps, schema_editor):
    for name in NAMES.values():
        schema_editor.connection.get_collection(USERS).drop_index(name)


class Migration(migrations.Migration):
    dependencies = [("auth", "0002_username_index")]
    operations = [migrations.RunPython(create, drop)]
