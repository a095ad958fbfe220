"""Adds whether a payer of a funding goal was ever excluded.

Only the state changes. The backend would write a value into every stored goal, and undo concurrent changes. Where the
field is missing, payments look for the exclusion of their payer, as before.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("goals", "0011_cancel_reason")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField("goal", "has_excluded", models.BooleanField(default=False, null=True))
            ]
        )
    ]
