import logging

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TaskQueueConfig(AppConfig):
    name = "taskqueue"
    verbose_name = _("Durable tasks")

    def ready(self) -> None:
        from taskqueue import checks, executions, periodic  # noqa: F401, PLC0415 - for checks and receivers

        for name in ("django-q", "taskqueue.running"):
            logging.getLogger(name).addFilter(periodic.RoutineFilter())
