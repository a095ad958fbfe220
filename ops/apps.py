"""What operators need: health, metrics, the web server, checks of the deployment."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    """Registers the checks and connects the counter of the cache's failures."""

    name = "ops"

    def ready(self) -> None:
        """Import the modules of both."""
        from ops import checks  # noqa: F401, PLC0415 - not before the apps are loaded
        from ops.metrics import caching  # noqa: F401, PLC0415 - likewise
