"""Adds the reason why a goal was cancelled. Goals that were cancelled before the migration have no reason."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("goals", "0010_payers")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AddField("goal", "cancel_reason", models.CharField(max_length=20, null=True))]
        )
    ]
