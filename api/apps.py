"""The configuration of the app `api`."""

import logging

from django.apps import AppConfig
from django.conf import settings
from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    """The app of sign-ins, keys for servers, limits, idempotency keys and the record of changes."""

    name = "api"
    verbose_name = _("Keys and changes")

    def ready(self) -> None:
        """Register checks, receivers and the admin's login form.

        With LOG_FORMAT=json, also send Python's warnings to the log. Otherwise they would be lines that are not JSON.
        """
        from api import access, accounts, checks  # noqa: F401, PLC0415 - not before the apps are loaded
        from api.admin_login import LimitedLoginForm  # noqa: PLC0415 - likewise

        admin.site.login_form = LimitedLoginForm
        if settings.LOG_FORMAT == "json":
            logging.captureWarnings(capture=True)
