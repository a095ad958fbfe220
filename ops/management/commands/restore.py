"""`manage.py restore FILE`: fills an empty database from a backup."""

from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ops.backup.errors import BackupFailed
from ops.backup.restoring import Restored, restore
from ops.management.commands.held_shows import lines


class Command(BaseCommand):
    help = "Fill the empty database MONGODB_NAME from a backup. Shows due since the backup wait for `held_shows`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a file that `manage.py backup` has written")
        parser.add_argument("--anew", action="store_true", help="first remove what an interrupted restoration has left")

    def handle(self, *, file: Path, anew: bool, **_options: Any) -> None:
        """Restore the file. Progress is written to stderr."""
        try:
            restored = restore(file, anew=anew, say=partial(self.stderr.write, style_func=str))
        except BackupFailed as error:
            raise CommandError(str(error.detail)) from error
        except OSError as error:
            raise CommandError(f"The file can't be read: {error}.") from error
        self._report(restored)

    def _report(self, restored: Restored) -> None:
        self.stdout.write(f"Restored {restored.documents:,} documents as of {restored.at:%Y-%m-%d %H:%M:%S} UTC.")
        if restored.gap.closing:
            self.stdout.write(
                f"Funding goals that would have closed since the backup and close now: {restored.gap.closing}."
            )
        if restored.gap.postponed:
            self.stdout.write(
                "Funding goals that would have lapsed since the backup and have more time now: "
                f"{restored.gap.postponed}."
            )
        if restored.gap.live:
            self.stdout.write(
                "Shows that were live, and about whose payments a person has to decide when they end: "
                f"{restored.gap.live}."
            )
        if held := restored.gap.held:
            self.stdout.write(
                f"Shows that came due after the backup and wait until you start them with `held_shows`: {len(held)}."
            )
            self.stdout.writelines(lines(held))
