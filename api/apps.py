"""The app of the HTTP conventions."""

import logging

from django.apps import AppConfig
from django.conf import settings


class ApiConfig(AppConfig):
    """Has one model: what idempotency keys have answered."""

    name = "api"

    def ready(self) -> None:
        """Have Python's warnings logged where a line that is no JSON would be in the way."""
        if settings.LOG_FORMAT == "json":
            logging.captureWarnings(capture=True)
