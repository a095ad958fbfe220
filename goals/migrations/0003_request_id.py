"""Adds `request_id` to rows of the timeline. Stored rows don't change: a missing key reads as null."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("goals", "0002_indexes")]
    operations = [
        migrations.SeparateDatabaseAndState(
            # Only the state changes, because the backend would write null into every stored row.
            state_operations=[
                migrations.AddField("timelineentry", "request_id", models.CharField(max_length=64, null=True))
            ]
        )
    ]
