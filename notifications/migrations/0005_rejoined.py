"""Adds when a viewer was let in again after a late subscription."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0004_receipts")]
    operations = [
        migrations.SeparateDatabaseAndState(
            # The backend would write null into every stored document.
            state_operations=[migrations.AddField("notificationchunk", "rejoined", models.BinaryField(null=True))]
        ),
    ]
