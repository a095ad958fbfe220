"""`manage.py backup FILE`: writes all data as of one moment into a file."""

from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ops.backup.errors import BackupFailed
from ops.backup.taking import MEGABYTE, take


class Command(BaseCommand):
    help = "Write all data as of one moment into a new file, while the product runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the file, which must not exist yet; nobody else can read it")

    def handle(self, *, file: Path, **_options: Any) -> None:
        """Take the backup. Progress is written to stderr."""
        try:
            taken = take(file, say=partial(self.stderr.write, style_func=str))  # Django would print it in red
        except BackupFailed as error:
            raise CommandError(str(error.detail)) from error
        except OSError as error:
            raise CommandError(f"The file can't be written: {error}.") from error
        size = f"{taken.bytes / MEGABYTE:,.1f} MB"
        self.stdout.write(f"{file}: {taken.documents:,} documents as of {taken.at:%Y-%m-%d %H:%M:%S} UTC, {size}.")
