"""Pages of the admin for support and operators, beyond the rows of single collections."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """Adds its pages to the admin."""

    name = "desk"
