"""django-q's commands that show nothing of our clusters."""

from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError


class RefusedCommand(BaseCommand):
    """Replaces `qinfo`, `qmonitor` and `qmemory`.

    They read the statistics of django-q's own cluster from the cache, to which our cluster writes none, and load
    Python objects from there. `qinfo --config` prints SECRET_KEY.
    """

    help = "Not available. Use /readyz, /metrics and the admin."

    def handle(self, *_args: Any, **_options: Any) -> NoReturn:
        """Raise CommandError."""
        raise CommandError("It shows nothing of this qcluster. Use /readyz, /metrics and the admin.")
