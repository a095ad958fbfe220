"""Indexes on django-q's collections, which its own migrations don't have."""

from typing import Any

from django.db import migrations

MESSAGES = "django_q_ormq"
SCHEDULES = "django_q_schedule"
RESULTS = "django_q_task"
CLUSTERS = "task_clusters"
SUCCESSES_KEPT_SECONDS = 7 * 24 * 3600


def create(apps: Any, schema_editor: Any) -> None:
    """Let the broker read messages by (key, lock), and let the results of successful tasks expire."""
    database = schema_editor.connection
    database.get_collection(MESSAGES).create_index([("key", 1), ("lock", 1)], name="key_lock")
    database.get_collection(MESSAGES).create_index([("owner", 1)], name="owner", sparse=True)
    database.get_collection(MESSAGES).create_index([("subject", 1)], name="subject", sparse=True)
    database.get_collection(SCHEDULES).create_index([("next_run", 1)], name="next_run")
    database.get_collection(RESULTS).create_index(
        [("stopped", 1)],
        name="successes_expire",
        expireAfterSeconds=SUCCESSES_KEPT_SECONDS,
        partialFilterExpression={"success": True},
    )
    database.get_collection(CLUSTERS).create_index([("beat_at", 1)], name="gone", expireAfterSeconds=24 * 3600)


def drop(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection
    for name in ("key_lock", "owner", "subject"):
        database.get_collection(MESSAGES).drop_index(name)
    database.get_collection(CLUSTERS).drop_index("gone")
    database.get_collection(SCHEDULES).drop_index("next_run")
    database.get_collection(RESULTS).drop_index("successes_expire")


class Migration(migrations.Migration):
    # Not "__latest__": databases of an earlier release have applied this migration before later migrations of django_q.
    dependencies = [("django_q", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
