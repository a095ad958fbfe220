"""The collection `throttle_counts` and the index that lets its counts expire."""

from typing import Any

from django.db import migrations, models

EXPIRY = "expires_at_ttl"


def create_expiry(_apps: Any, schema_editor: Any) -> None:
    """Let MongoDB delete a count once its window has ended; a model can't declare a TTL index."""
    counts = schema_editor.connection.get_collection("throttle_counts")
    counts.create_index("expires_at", name=EXPIRY, expireAfterSeconds=0)


def drop_expiry(_apps: Any, schema_editor: Any) -> None:
    """Drop the index."""
    schema_editor.connection.get_collection("throttle_counts").drop_index(EXPIRY)


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="ThrottleCount",
            fields=[
                ("id", models.CharField(db_column="_id", max_length=100, primary_key=True, serialize=False)),
                ("count", models.IntegerField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={"verbose_name": "throttle count", "db_table": "throttle_counts"},
        ),
        migrations.RunPython(create_expiry, drop_expiry),
    ]
