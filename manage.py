#!/usr/bin/env python
"""Run Django's commands; the embedded MongoDB is started first where a command needs a database."""

import os
import sys

# These run without a database, or start it themselves.
WITHOUT_DATABASE = frozenset({"check", "collectstatic", "compilemessages", "help", "makemessages", "mongo", "version"})


def main() -> None:
    """Start the embedded MongoDB if the command needs it, then hand over to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if _needs_database(sys.argv[1:]):
        _ensure_database()
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - after the server's port is known

    execute_from_command_line(sys.argv)


def _needs_database(arguments: list[str]) -> bool:
    asks_for_help = not {"-h", "--help", "--version"}.isdisjoint(arguments)
    return bool(arguments) and not asks_for_help and arguments[0] not in WITHOUT_DATABASE


def _ensure_database() -> None:
    # Imported here: `help` and `check` must work where no mongod can run.
    from config.errors import ProductError  # noqa: PLC0415
    from ops.embedded_mongo import ensure_database  # noqa: PLC0415

    try:
        ensure_database()
    except ProductError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
