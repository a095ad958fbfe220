"""Adds the receipts of events. A viewer's receipts for a goal expire a month after the last one."""

from typing import Any

from django.db import migrations, models

RECEIPTS = "event_receipts"
KEPT_SECONDS = 30 * 24 * 3600


def create(apps: Any, schema_editor: Any) -> None:
    receipts = schema_editor.connection.get_collection(RECEIPTS)
    receipts.create_index([("last_at", 1)], name="expires", expireAfterSeconds=KEPT_SECONDS)


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.connection.get_collection(RECEIPTS).drop_index("expires")


class Migration(migrations.Migration):
    dependencies = [("notifications", "0003_settled")]
    operations = [
        migrations.CreateModel(
            name="Receipts",
            fields=[
                ("id", models.CharField(db_column="_id", max_length=49, primary_key=True, serialize=False)),
                ("received", models.JSONField(default=dict)),
                ("last_at", models.DateTimeField()),
            ],
            options={"db_table": RECEIPTS},
        ),
        migrations.RunPython(create, drop),
    ]
