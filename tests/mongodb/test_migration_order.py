"""Migrations can be applied to the database of an earlier release."""

from django.db.migrations.loader import MigrationLoader


def test_no_migration_depends_on_whatever_is_the_latest() -> None:
    """The latest migration of an app changes with each release.

    If a migration depended on the latest one, an existing database could have the migration without its dependency.
    """
    migrations = MigrationLoader(None).disk_migrations.values()

    vague = {name for each in migrations for _app, name in each.dependencies if name in {"__latest__", "__first__"}}
    assert vague <= {"__first__"}
