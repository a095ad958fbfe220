"""`manage.py doctor`: says in one line each what keeps a deployment from working."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from ops.doctor import State, examine


class Command(BaseCommand):
    help = "Examine settings, cache, MongoDB, clock, migrations and qclusters. Exits 1 if a show would not start."
    requires_system_checks: list[str] = []  # it reports their errors itself

    def handle(self, **_options: Any) -> None:
        """Print a line for each finding."""
        has_failed = False
        for finding in examine():
            has_failed |= finding.state is State.FAILED
            self.stdout.write(f"{finding.state.value:8} {finding.what}: {finding.text}.")
            self.stdout.flush()
        sys.exit(has_failed)
