"""Adds events, which expire after 30 days, and the place of the event that was published last."""

from typing import Any

import django_mongodb_backend.fields
from django.db import migrations, models

EVENTS = "events"
KEPT_SECONDS = 30 * 24 * 3600


def create(apps: Any, schema_editor: Any) -> None:
    events = schema_editor.connection.get_collection(EVENTS)
    events.create_index([("created_at", 1)], name="expires", expireAfterSeconds=KEPT_SECONDS)


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.connection.get_collection(EVENTS).drop_index("expires")


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="LastPlace",
            fields=[
                ("id", models.CharField(db_column="_id", max_length=6, primary_key=True, serialize=False)),
                ("seconds", models.BigIntegerField()),
                ("number", models.BigIntegerField()),
            ],
            options={"db_table": "last_places"},
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("place", django_mongodb_backend.fields.ObjectIdField(null=True, verbose_name="id")),
                ("type", models.CharField(max_length=40, verbose_name="type")),
                ("created_at", models.DateTimeField(verbose_name="announced at")),
                ("goal_id", models.CharField(max_length=24, verbose_name="goal")),
                ("version", models.IntegerField(verbose_name="version of the goal")),
                ("data", models.JSONField(verbose_name="data")),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "db_table": EVENTS,
                "ordering": ("-place",),
                "indexes": [models.Index(fields=["place"], name="events_in_order")],
            },
        ),
        migrations.RunPython(create, drop),
    ]
