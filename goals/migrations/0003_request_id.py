"""Rows of the timeline name their request. Older rows stay as they are: missing is null (decision 7)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("goals", "0002_indexes")]
    operations = [
        migrations.SeparateDatabaseAndState(
            # The backend would write null into every row there is.
            state_operations=[
                migrations.AddField("timelineentry", "request_id", models.CharField(max_length=64, null=True))
            ]
        )
    ]
