"""Pages of the admin for support and operators. Each shows data from several collections."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """The configuration of desk/."""

    name = "desk"
