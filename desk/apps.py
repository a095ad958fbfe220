"""What support and operators look at in the admin beyond the rows of single collections."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """Adds its pages to the admin."""

    name = "desk"
