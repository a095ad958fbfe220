"""The collection `idempotency_keys` and the index that lets its records expire."""

from typing import Any

from django.db import migrations, models

EXPIRY = "expires_at_ttl"


def create_expiry(_apps: Any, schema_editor: Any) -> None:
    """Let MongoDB delete a record once `expires_at` is past; a model can't declare a TTL index."""
    keys = schema_editor.connection.get_collection("idempotency_keys")
    keys.create_index("expires_at", name=EXPIRY, expireAfterSeconds=0)


def drop_expiry(_apps: Any, schema_editor: Any) -> None:
    """Drop the index."""
    schema_editor.connection.get_collection("idempotency_keys").drop_index(EXPIRY)


class Migration(migrations.Migration):
    """The app's first migration."""

    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                ("id", models.CharField(db_column="_id", max_length=100, primary_key=True, serialize=False)),
                ("fingerprint", models.CharField(max_length=64)),
                ("status", models.IntegerField()),
                ("body", models.TextField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={"verbose_name": "idempotency record", "db_table": "idempotency_keys"},
        ),
        migrations.RunPython(create_expiry, drop_expiry),
    ]
