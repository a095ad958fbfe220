"""The app of the HTTP conventions."""

import logging

from django.apps import AppConfig
from django.conf import settings


class ApiConfig(AppConfig):
    """Has what idempotency keys have answered, the counts of the throttles, and system checks."""

    name = "api"

    def ready(self) -> None:
        """Register the checks; have warnings logged where a line that is no JSON would be in the way."""
        from api import access_check, checks  # noqa: F401, PLC0415 - not before the apps are loaded

        if settings.LOG_FORMAT == "json":
            logging.captureWarnings(capture=True)
