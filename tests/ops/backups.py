"""Takes and restores backups through the commands, as an operator does."""

from io import StringIO
from pathlib import Path

from django.core.management import call_command

from tests.factories.databases import in_database


def back_up(path: Path) -> str:
    """Take a backup of the database of the test. Return what the command prints."""
    output = StringIO()
    call_command("backup", path, stdout=output, stderr=StringIO())
    return output.getvalue()


def restore(path: Path, *options: str, into: str) -> list[str]:
    """Restore the backup. Return the lines that the command prints."""
    output = StringIO()
    with in_database(into):
        call_command("restore", path, *options, stdout=output, stderr=StringIO())
    return output.getvalue().splitlines()
