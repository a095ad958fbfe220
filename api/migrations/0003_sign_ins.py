"""The collections `accounts`, `sign_ins` and `known_places`, and the indexes that let the latter two expire."""

from typing import Any

import django_mongodb_backend.fields
from django.db import migrations, models

EXPIRING = ("sign_ins", "known_places")
EXPIRY = "expires_at_ttl"


def create_expiry(_apps: Any, schema_editor: Any) -> None:
    """Let MongoDB delete a document once `expires_at` is past; a model can't declare a TTL index."""
    for name in EXPIRING:
        collection = schema_editor.connection.get_collection(name)
        collection.create_index("expires_at", name=EXPIRY, expireAfterSeconds=0)


def drop_expiry(_apps: Any, schema_editor: Any) -> None:
    """Drop the indexes."""
    for name in EXPIRING:
        schema_editor.connection.get_collection(name).drop_index(EXPIRY)


class Migration(migrations.Migration):
    dependencies = [("api", "0002_throttle_counts")]
    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdField(db_column="_id", primary_key=True, serialize=False),
                ),
                ("epoch", models.IntegerField(default=0)),
                (
                    "signed_out",
                    django_mongodb_backend.fields.ArrayField(models.CharField(max_length=32), default=list, size=None),
                ),
            ],
            options={"verbose_name": "account", "db_table": "accounts"},
        ),
        migrations.CreateModel(
            name="SignIn",
            fields=[
                ("id", models.CharField(db_column="_id", max_length=32, primary_key=True, serialize=False)),
                ("user_id", django_mongodb_backend.fields.ObjectIdField()),
                ("number", models.IntegerField()),
                (
                    "rotated_at",
                    django_mongodb_backend.fields.ArrayField(models.BigIntegerField(), default=list, size=None),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField()),
            ],
            options={"verbose_name": "sign-in", "db_table": "sign_ins"},
        ),
        migrations.CreateModel(
            name="KnownPlace",
            fields=[
                ("id", models.CharField(db_column="_id", max_length=64, primary_key=True, serialize=False)),
                ("expires_at", models.DateTimeField()),
            ],
            options={"verbose_name": "known place", "db_table": "known_places"},
        ),
        migrations.RunPython(create_expiry, drop_expiry),
    ]
