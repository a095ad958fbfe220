"""Runs `manage.py doctor` as an operator does."""

from io import StringIO

import pytest
from django.core.management import call_command

from taskqueue.queues import Queue

LANES = {queue.value: 1 for queue in Queue}
ONE_MEMBER = "members of the replica set: 1; use three, so that one may fail"
STAND_INS = [
    "warning  settings: REALTIME_BACKEND is locmem: choose a real backend.",
    "warning  settings: RTC_BACKEND is locmem: choose a real backend.",
]


def doctor() -> tuple[int, list[str]]:
    """Return the exit code, and the lines about what is wrong or worth knowing."""
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=output)
    lines = [line for line in output.getvalue().splitlines() if not line.startswith("ok ")]
    return int(ended.value.code or 0), [line for line in lines if line not in STAND_INS and ONE_MEMBER not in line]
