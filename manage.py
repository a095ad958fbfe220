#!/usr/bin/env python
"""Run Django's commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import ManagementUtility
from django.core.management.base import ALL_CHECKS, BaseCommand
from django.db import DatabaseError
from pymongo.errors import ConfigurationError, PyMongoError

from config.errors import ProductError
from mongodb.failures import explain, is_away, is_refused

# These commands must work without a database and without keys, e.g. while an image is built. The system checks run
# before all other commands.
NEED_NO_DEPLOYMENT = frozenset(
    {
        *("check", "collectstatic", "compilemessages", "demo", "diffsettings", "document_api", "doctor", "findstatic"),
        *("makemessages", "makemigrations", "mongo", "spectacular", "startapp", "startproject", "test"),
    }
)


class Commands(ManagementUtility):
    """Django's commands. The system checks run before each command that is not in NEED_NO_DEPLOYMENT."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        """Return the command, and decide whether the system checks run before it."""
        command = super().fetch_command(subcommand)
        if subcommand not in NEED_NO_DEPLOYMENT:
            command.requires_system_checks = ALL_CHECKS
        elif command.requires_system_checks == ALL_CHECKS:
            command.requires_system_checks = []
        return command


def main() -> None:
    """Run the command that the arguments name.

    If the settings are wrong, or MongoDB can't be used, exit with one line instead of a traceback.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # An upgrade switches a link from one release to the next. This process goes on to import from its own release.
    sys.path[:] = map(os.path.realpath, sys.path)
    try:
        Commands(sys.argv).execute()
    except (ImproperlyConfigured, ProductError) as error:
        sys.exit(f"manage.py: {error}")
    except (PyMongoError, DatabaseError) as error:
        if not (is_away(error) or is_refused(error) or isinstance(error, ConfigurationError)):
            raise
        sys.exit(f"manage.py: {explain(error)}.")


if __name__ == "__main__":
    main()
