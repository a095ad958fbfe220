"""Adds a column for the moment at which a viewer was let in again after a late subscription."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0004_receipts")]
    operations = [
        migrations.SeparateDatabaseAndState(
            # A database operation would write null into every stored document.
            state_operations=[migrations.AddField("notificationchunk", "rejoined", models.BinaryField(null=True))]
        ),
    ]
