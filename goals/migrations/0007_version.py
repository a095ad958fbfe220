"""Adds the version of a goal. A stored goal without a version has version 1.

Only the state changes, because the backend would write the default into every stored goal, and undo concurrent changes.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("goals", "0006_newest")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField("goal", "version", models.IntegerField(default=1, verbose_name="version")),
                migrations.AddField("goal", "cancelled_version", models.IntegerField(null=True)),
                migrations.AddField("goal", "moved_version", models.IntegerField(null=True)),
            ]
        )
    ]
