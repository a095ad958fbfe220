"""The configuration of the app `api`."""

import logging

from django.apps import AppConfig
from django.conf import settings
from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    """The app that stores idempotency keys, request counts, accounts and sign-ins, and has system checks."""

    name = "api"
    verbose_name = _("Keys and changes")

    def ready(self) -> None:
        """Register checks, receivers and the admin's login form; keep lines that are not JSON out of the log."""
        from api import access, accounts, checks  # noqa: F401, PLC0415 - not before the apps are loaded
        from api.admin_login import LimitedLoginForm  # noqa: PLC0415 - likewise

        admin.site.login_form = LimitedLoginForm
        if settings.LOG_FORMAT == "json":
            logging.captureWarnings(capture=True)
