"""`manage.py doctor`: prints what keeps a deployment from working."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from ops.doctor import examine
from ops.findings import State


class Command(BaseCommand):
    help = "Examine settings, MongoDB, clocks, qclusters and vendors. Exit with 1 if shows would not work."
    requires_system_checks: list[str] = []  # the command itself reports the errors of these checks

    def handle(self, **_options: Any) -> None:
        """Print a line for each finding."""
        has_failed = False
        for finding in examine():
            has_failed |= finding.state is State.FAILED
            self.stdout.write(f"{finding.state.value:8} {finding.what}: {finding.text}.")
            self.stdout.flush()
        sys.exit(has_failed)
