"""The room of those who run the product: health, metrics, the web server."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"
