"""Which migrations of this release the database lacks."""

from functools import cache

from django.db.migrations.loader import MigrationLoader

from mongodb.collections import collection

APPLIED = "django_migrations"


def missing_migrations() -> list[str]:
    """Return the names of the migrations, e.g. `goals.0003_request_id`. Raises pymongo's errors."""
    applied = {(each["app"], each["name"]) for each in collection(APPLIED).find({}, {"app": 1, "name": 1})}
    return [f"{app}.{name}" for app, name in sorted(_on_disk() - applied)]


@cache
def _on_disk() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)
