"""Adds a field that tells whether a payer of a funding goal was ever excluded.

Only the state changes, because the backend would write a value into every stored goal, and undo concurrent changes.
If the field is missing, each payment looks for an exclusion of its payer, as before.
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
