"""The room of those who run the product: servers, demo, benchmarks."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"
