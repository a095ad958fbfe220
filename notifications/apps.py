from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        from notifications import checks, receivers  # noqa: F401, PLC0415 - registers checks, connects receivers
        from notifications.fanout import late_joiners  # noqa: F401, PLC0415 - registers its bulk task
