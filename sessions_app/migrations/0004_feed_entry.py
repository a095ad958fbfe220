"""The feed joins the goal when it is read: its entry needs the goal's id only. Stored entries keep the other fields."""

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
