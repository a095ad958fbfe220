"""What operators need: health, metrics, the web server, and checks of the deployment."""

from django.apps import AppConfig
from django.core.management import CommandError
from django.db.models.signals import pre_migrate


class OpsConfig(AppConfig):
    """Registers the checks, counts the failures of the cache, and lets no `migrate` run on a half-restored database."""

    name = "ops"

    def ready(self) -> None:
        """Import the modules of the checks and of the counter, and connect the receiver that `migrate` calls."""
        from ops import checks  # noqa: F401, PLC0415 - not before the apps are loaded
        from ops.metrics import caching  # noqa: F401, PLC0415 - likewise

        pre_migrate.connect(_refuse_half_restored_database)


def _refuse_half_restored_database(**_signal: object) -> None:
    """Raise CommandError if the database is half restored.

    `migrate` would fail at the first collection that the restoration has created.
    """
    from mongodb import pending  # noqa: PLC0415 - not before the apps are loaded

    if pending.is_half_restored():
        raise CommandError(f"Nothing was migrated: {pending.HALF_RESTORED}.")
