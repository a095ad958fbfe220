"""Finds out whether the database can be used: no restoration is unfinished, and no migration is missing."""

from functools import cache

from django.db.migrations.loader import MigrationLoader

from mongodb.collections import collection

APPLIED = "django_migrations"
# The collection that exists only while a restoration into this database is unfinished.
RESTORATIONS = "unfinished_restoration"
HALF_RESTORED = (
    "the database is being restored, or a restoration was interrupted: "
    "wait for it, or run manage.py restore again with --anew"
)
MOST_NAMED = 5


def why_not_ready() -> str:
    """Return in one sentence why the database can't be used, or "" if it can be used. Raises pymongo's errors."""
    if is_half_restored():
        return HALF_RESTORED
    missing = missing_migrations()
    if not missing:
        return ""
    more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    return f"the database lacks the migrations {', '.join(missing[:MOST_NAMED])}{more}: run manage.py migrate"


def is_half_restored() -> bool:
    """Tell whether a restoration into the database is unfinished. Raises pymongo's errors."""
    return collection(RESTORATIONS).find_one() is not None


def missing_migrations() -> list[str]:
    """Return the names of the missing migrations, e.g. `goals.0003_request_id`. Raises pymongo's errors."""
    applied = {f"{each['app']}.{each['name']}" for each in collection(APPLIED).find({}, {"app": 1, "name": 1})}
    return sorted(known_migrations() - applied)


@cache
def known_migrations() -> frozenset[str]:
    """Return the names of the migrations of this release."""
    return frozenset(f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations)
