"""Checks the settings before a server accepts requests, as `manage.py` does before its commands."""

import sys

from django.conf import settings
from django.core.checks import run_checks

# If a worker ends with this code, gunicorn stops instead of starting another worker.
EXIT_CODE = 4


def refuse_wrong_settings() -> None:
    """Print the errors that the system checks find, and end this process if there are any. With DEBUG, do nothing."""
    if not settings.IS_DEPLOYMENT:
        return
    errors = [message for message in run_checks() if message.is_serious() and not message.is_silenced()]
    if errors:
        sys.stderr.write("".join(f"{error}\n" for error in sorted(errors, key=str)))
        sys.exit(EXIT_CODE)
