#!/usr/bin/env python
"""Run Django's commands. The embedded MongoDB starts when a command first needs a database."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config.errors import ProductError


def main() -> None:
    """Run the command that the arguments name. Report an error of the configuration in one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, ProductError) as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
