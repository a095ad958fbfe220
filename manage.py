#!/usr/bin/env python
"""Run Django's commands; the embedded MongoDB is started first where a command needs a database."""

import os
import sys

# These run without a database, or start it themselves.
WITHOUT_DATABASE = frozenset({"mongo", "makemigrations", "check", "help", "--help", "-h", "--version", "collectstatic"})


def main() -> None:
    """Start the embedded MongoDB if the command needs it, then hand over to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command not in WITHOUT_DATABASE and "--help" not in sys.argv:
        # Imported here: `help` and `check` must work where no mongod can run.
        from ops.embedded_mongo import ensure_database

        ensure_database()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
