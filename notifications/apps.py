from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        from notifications import checks, receivers  # noqa: F401, PLC0415 - registers and connects them
        from notifications.fanout import late_joiners  # noqa: F401, PLC0415 - workers must know its bulk tasks
