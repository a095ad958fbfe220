"""The app of the HTTP conventions."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Has one model: what idempotency keys have answered."""

    name = "api"
