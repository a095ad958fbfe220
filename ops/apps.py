"""What operators need: health, metrics, the web server."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"

    def ready(self) -> None:
        from ops import checks  # noqa: F401, PLC0415 - registers the checks
