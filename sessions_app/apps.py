from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SessionsConfig(AppConfig):
    name = "sessions_app"
    verbose_name = _("Livestream sessions")

    def ready(self) -> None:
        from sessions_app import checks, other_kinds, receivers  # noqa: F401, PLC0415 - registers and connects them
