"""Adds the number of payers of a funding goal. The next fold of the goal counts them.

Only the state changes, because the backend would write null into every stored goal, and undo concurrent changes.
Processes with the old code fold payments without counting new payers until they are restarted.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("goals", "0009_settlement")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AddField("goal", "payers", models.IntegerField(null=True))]
        )
    ]
