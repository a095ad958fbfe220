"""Adds the reason why a goal was cancelled. Only the state changes, so goals that were cancelled before have none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("goals", "0010_payers")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AddField("goal", "cancel_reason", models.CharField(max_length=20, null=True))]
        )
    ]
