"""What operators need: health, metrics, the web server."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"
