"""Replaces the indexes of lists, which are now sorted by `created_at`, then by id. Feed entries get a `created_at`.

Stored entries don't change. Processes with the old code sort lists in memory until they are restarted.
"""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0004_feed_entry"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddIndex(
            "session",
            models.Index(fields=["user", "status", "-created_at", "-id"], name="streamers_newest_by_status"),
        ),
        migrations.AddIndex(
            "session", models.Index(fields=["user", "-created_at", "-id"], name="streamers_newest")
        ),
        migrations.AddIndex(
            "session", models.Index(fields=["status", "-created_at", "-id"], name="newest_by_status")
        ),
        migrations.AddIndex("session", models.Index(fields=["-created_at", "-id"], name="newest_sessions")),
        migrations.AddIndex(
            "recording", models.Index(fields=["state", "-requested_at", "-id"], name="newest_by_state")
        ),
        migrations.AddIndex("recording", models.Index(fields=["-requested_at", "-id"], name="newest_recordings")),
        migrations.RemoveIndex("session", "by_streamer"),
        migrations.RemoveIndex("session", "all_of_streamer"),
        migrations.RemoveIndex("session", "by_status"),
        migrations.RemoveIndex("recording", "recordings_by_state"),
        migrations.SeparateDatabaseAndState(
            # Only the state changes, because the backend would write null into every stored entry.
            state_operations=[
                migrations.AddField("livestreamfeedentry", "created_at", models.DateTimeField(null=True))
            ]
        ),
    ]
