from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShowGoalsConfig(AppConfig):
    name = "showgoals"
    verbose_name = _("Show goals")

    def ready(self) -> None:
        from showgoals import receivers  # noqa: F401, PLC0415 - connects the receivers
