#!/usr/bin/env python
"""Run Django's commands; the embedded MongoDB is started first where a command needs a database."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config.errors import ProductError
from ops.embedded_mongo import ensure_database

# These run without a database, or start it themselves.
WITHOUT_DATABASE = frozenset({"check", "collectstatic", "compilemessages", "help", "makemessages", "mongo", "version"})


def main() -> None:
    """Start the embedded MongoDB if the command needs it, then hand over to Django.

    Settings are read after that, so they see the port that the server got.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        if _needs_database(sys.argv[1:]):
            ensure_database()
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, ProductError) as error:
        sys.exit(f"manage.py: {error}")


def _needs_database(arguments: list[str]) -> bool:
    asks_for_help = not {"-h", "--help", "--version"}.isdisjoint(arguments)
    return bool(arguments) and not asks_for_help and arguments[0] not in WITHOUT_DATABASE


if __name__ == "__main__":
    main()
