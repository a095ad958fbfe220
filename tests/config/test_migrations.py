"""The migrations of all apps together."""

from django.db.migrations.loader import MigrationLoader


def test_no_migration_depends_on_the_latest_of_another_app() -> None:
    """The other app's next migration would stop `migrate` on every database that has applied this one before."""
    migrations = MigrationLoader(None).disk_migrations.items()

    vague = [key for key, migration in migrations if any(name == "__latest__" for _app, name in migration.dependencies)]
    assert vague == []
