"""django-q's commands that would load objects from the cache, or print the key, refuse to run."""

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize("command", ["qinfo", "qmonitor", "qmemory"])
def test_commands_of_django_qs_own_cluster_refuse(command: str) -> None:
    with pytest.raises(CommandError, match=r"Use /readyz, /metrics and the admin\.$"):
        call_command(command)
