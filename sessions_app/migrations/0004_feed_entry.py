"""Reduces a feed entry to the goal's id, because the feed reads the goal itself. Stored entries keep the old fields."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0003_lists")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField("livestreamfeedentry", "goal_kind"),
                migrations.RemoveField("livestreamfeedentry", "streamer_id"),
                migrations.RemoveField("livestreamfeedentry", "nbf"),
            ]
        )
    ]
