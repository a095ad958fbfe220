"""Adds events, and chunks with a ledger. Drops the former chunks, which have no ledger."""

from typing import Any

import django_mongodb_backend.fields
from django.db import migrations, models

CHUNKS, EVENTS = "notification_chunks", "notification_events"
KEPT_SECONDS = 30 * 24 * 3600


def create(apps: Any, schema_editor: Any) -> None:
    """Create the indexes for the expiry of documents, and the index that finds unsent chunks."""
    for name in (CHUNKS, EVENTS):
        schema_editor.connection.get_collection(name).create_index(
            [("planned_at", 1)], name="expires", expireAfterSeconds=KEPT_SECONDS
        )
    schema_editor.connection.get_collection(CHUNKS).create_index(
        [("goal_id", 1), ("event_id", 1)], name="unsent", partialFilterExpression={"sent_at": None}
    )


def drop(apps: Any, schema_editor: Any) -> None:
    """Drop the indexes."""
    for name in (CHUNKS, EVENTS):
        schema_editor.connection.get_collection(name).drop_index("expires")
    schema_editor.connection.get_collection(CHUNKS).drop_index("unsent")


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]
    operations = [
        migrations.DeleteModel(name="NotificationChunk"),
        migrations.CreateModel(
            name="NotificationEvent",
            fields=[
                ("id", models.CharField(db_column="_id", max_length=36, primary_key=True, serialize=False)),
                ("goal_id", models.CharField(max_length=24)),
                ("name", models.CharField(max_length=40)),
                ("preset", models.CharField(max_length=10)),
                ("chunks", models.IntegerField(default=0)),
                ("viewers", models.IntegerField(default=0)),
                ("planned_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": EVENTS},
        ),
        migrations.CreateModel(
            name="NotificationChunk",
            fields=[
                ("id", models.CharField(db_column="_id", max_length=45, primary_key=True, serialize=False)),
                ("event_id", models.CharField(max_length=36)),
                ("goal_id", models.CharField(max_length=24)),
                ("streamer_id", models.CharField(max_length=24)),
                ("name", models.CharField(max_length=40)),
                ("preset", models.CharField(max_length=10)),
                ("payload", models.JSONField()),
                ("first", models.CharField(max_length=24)),
                ("last", models.CharField(max_length=24)),
                ("viewers", models.BinaryField()),
                ("states", models.TextField()),
                ("marked_in", models.BinaryField()),
                ("attempts", models.IntegerField(default=0)),
                ("planned_at", models.DateTimeField()),
                ("last_attempt_at", models.DateTimeField(null=True)),
                (
                    "settled_at",
                    django_mongodb_backend.fields.ArrayField(
                        base_field=models.DateTimeField(null=True), default=list
                    ),
                ),
                ("sent_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": CHUNKS,
                "indexes": [models.Index(fields=["goal_id", "first", "last"], name="chunks_of_viewer")],
            },
        ),
        migrations.RunPython(create, drop),
    ]
