"""Stores the results of receivers in the entry of their announcement. A view unfolds the entry into rows.

Each of the older entries stays one row. If the migration is reversed, stored results are kept, but no longer shown.
"""

from typing import Any

import django_mongodb_backend.fields
from django.db import migrations, models

VIEW = "timeline_rows"
KINDS = [(kind, kind) for kind in ("signal", "receiver", "task", "delivery", "recording")]
IS_OWN = {"$eq": ["$place", 0]}
UNFOLDED: list[dict[str, Any]] = [
    # The entry's own row comes first, then those of its receivers.
    {
        "$set": {
            "answers": {
                "$concatArrays": [
                    [{"k": "$name", "v": "$outcome"}],
                    {"$objectToArray": {"$ifNull": ["$answers", {}]}},
                ]
            }
        }
    },
    {"$unwind": {"path": "$answers", "includeArrayIndex": "place"}},
    {
        "$project": {
            "goal_id": True,
            "seq": {"$cond": [IS_OWN, "$seq", {"$add": ["$answered_seq", "$place", -1]}]},
            "kind": {"$cond": [IS_OWN, "$kind", "receiver"]},
            "name": "$answers.k",
            "outcome": "$answers.v",
            "detail": {"$cond": [IS_OWN, "$detail", "$name"]},
            "request_id": True,
        }
    },
]


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.connection.database.drop_collection(VIEW)


def create(apps: Any, schema_editor: Any) -> None:
    drop(apps, schema_editor)  # an interrupted run may have left the view
    schema_editor.connection.database.create_collection(VIEW, viewOn="goal_timeline", pipeline=UNFOLDED)


class Migration(migrations.Migration):
    dependencies = [("goals", "0003_request_id")]
    operations = [
        migrations.SeparateDatabaseAndState(
            # Only the state changes, because the backend would write null into every stored entry.
            state_operations=[
                migrations.AddField("timelineentry", "answers", models.JSONField(null=True)),
                migrations.AddField("timelineentry", "answered_seq", models.BigIntegerField(null=True)),
            ]
        ),
        migrations.CreateModel(
            name="TimelineRow",
            fields=[
                (
                    "id",
                    django_mongodb_backend.fields.ObjectIdAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("goal_id", models.CharField(max_length=24)),
                ("seq", models.BigIntegerField()),
                ("kind", models.CharField(choices=KINDS, max_length=10)),
                ("name", models.CharField(max_length=100)),
                ("outcome", models.CharField(max_length=40)),
                ("detail", models.CharField(max_length=500)),
                ("request_id", models.CharField(max_length=64, null=True)),
            ],
            options={"db_table": VIEW, "ordering": ("goal_id", "seq"), "abstract": False, "managed": False},
        ),
        migrations.RunPython(create, drop),
    ]
