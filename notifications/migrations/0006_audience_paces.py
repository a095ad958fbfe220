"""Adds the moment at which a show's payers may be told of the next change, and an event's count of redeliveries."""

from typing import Any

from django.db import migrations, models

PACES = "audience_paces"
KEPT_SECONDS = 24 * 3600


def create(apps: Any, schema_editor: Any) -> None:
    paces = schema_editor.connection.get_collection(PACES)
    paces.create_index([("told_at", 1)], name="expires", expireAfterSeconds=KEPT_SECONDS)


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.connection.get_collection(PACES).drop_index("expires")


class Migration(migrations.Migration):
    dependencies = [("notifications", "0005_rejoined")]
    operations = [
        migrations.CreateModel(
            name="AudiencePace",
            fields=[
                ("id", models.CharField(db_column="_id", max_length=24, primary_key=True, serialize=False)),
                ("told_at", models.DateTimeField()),
            ],
            options={"db_table": PACES},
        ),
        migrations.RunPython(create, drop),
        migrations.SeparateDatabaseAndState(
            # A database operation would write null into every stored document.
            state_operations=[migrations.AddField("notificationevent", "redeliveries", models.IntegerField(null=True))]
        ),
    ]
