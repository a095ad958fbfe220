"""Adds redeliveries, and settles viewers who were never told and whose shows have ended.

Otherwise their chunks would count as unsent until they expire. Idempotent.
"""

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from django.db import migrations, models

GOALS, CHUNKS, EVENTS = "goals", "notification_chunks", "notification_events"
AT_ONCE = 1000
# The letters of events that wait to be sent.
WAITING = ("p", "r", "u")
EXPIRED = "e"


def settle(apps: Any, schema_editor: Any) -> None:
    chunks, goals, events = (schema_editor.connection.get_collection(name) for name in (CHUNKS, GOALS, EVENTS))
    unsent = chunks.distinct("goal_id", {"sent_at": None})
    for start in range(0, len(unsent), AT_ONCE):
        some = [ObjectId(goal_id) for goal_id in unsent[start : start + AT_ONCE]]
        ended = goals.find({"_id": {"$in": some}, "exp": {"$ne": None}}, {"_id": True})
        theirs = {"goal_id": {"$in": [str(goal["_id"]) for goal in ended]}, "sent_at": None}
        left = chunks.distinct("event_id", theirs)
        chunks.update_many(theirs, [{"$set": {"states": _settled(), "sent_at": datetime.now(UTC)}}])
        events.update_many({"_id": {"$in": left}, "sent_at": None}, {"$set": {"closed_as": "expired"}})


def _settled() -> Any:
    states: Any = "$states"
    for letter in WAITING:
        states = {"$replaceAll": {"input": states, "find": letter, "replacement": EXPIRED}}
    return states


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_ledger"), ("goals", "0007_version")]
    operations = [
        migrations.SeparateDatabaseAndState(
            # A database operation would write null into every stored document.
            state_operations=[
                migrations.AddField("notificationchunk", "redeliveries", models.BinaryField(null=True)),
                migrations.AddField("notificationevent", "closed_as", models.CharField(max_length=10, null=True)),
            ]
        ),
        migrations.RunPython(settle, migrations.RunPython.noop),
    ]
