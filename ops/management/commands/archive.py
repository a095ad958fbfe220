"""`manage.py archive DIRECTORY`: moves rows older than RETENTION_DAYS from the database into files."""

from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.clock import now
from ops.backup.errors import BackupFailed
from ops.retention.archiving import archive, restore


class Command(BaseCommand):
    help = "Move rows that are older than RETENTION_DAYS, and no longer needed, from the database into files."

    def add_arguments(self, parser: CommandParser) -> None:
        one = parser.add_mutually_exclusive_group(required=True)
        one.add_argument(
            "directory", type=Path, nargs="?", help="an existing directory, in which the files are created"
        )
        one.add_argument("--restore", type=Path, metavar="FILE", help="put the rows of a file back into the database")

    def handle(self, *, directory: Path | None, **options: Any) -> None:
        """Archive, or restore a file. Progress is written to stderr."""
        say = partial(self.stderr.write, style_func=str)  # Django would print it in red
        try:
            if directory is None:
                restored = restore(options["restore"], say=say)
                there = f"{restored.present:,} were there already"
                self.stdout.write(f"{restored.added:,} rows of {restored.collection} are back; {there}.")
                return
            if not settings.RETENTION_DAYS:
                raise CommandError("RETENTION_DAYS is not set, so everything is kept for ever.")
            paths = archive(directory, settings.RETENTION_DAYS, now=now(), say=say)
            self.stdout.write("\n".join(map(str, paths)) or "There was nothing to archive.")
        except BackupFailed as error:
            raise CommandError(str(error.detail)) from error
        except OSError as error:
            raise CommandError(f"A file can't be read or written: {error}.") from error
