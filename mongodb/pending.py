"""Finds the migrations of this release that the database lacks."""

from functools import cache

from django.db.migrations.loader import MigrationLoader

from mongodb.collections import collection

APPLIED = "django_migrations"


def missing_migrations() -> list[str]:
    """Return the names of the missing migrations, e.g. `goals.0003_request_id`. Raises pymongo's errors."""
    applied = {f"{each['app']}.{each['name']}" for each in collection(APPLIED).find({}, {"app": 1, "name": 1})}
    return sorted(known_migrations() - applied)


@cache
def known_migrations() -> frozenset[str]:
    """Return the names of the migrations of this release."""
    return frozenset(f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations)
