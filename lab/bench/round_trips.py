"""Counts the commands that are sent to MongoDB."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo import monitoring


class RoundTrips(monitoring.CommandListener):
    """Every command of the clients that are opened after `register`: each is one round-trip."""

    def __init__(self) -> None:
        self._commands: list[str] = []

    def register(self) -> None:
        """Listen to all clients from now on."""
        monitoring.register(self)

    @contextmanager
    def listen(self) -> Iterator[list[str]]:
        """Return a list that takes the commands sent in the block, e.g. `find goals`."""
        commands: list[str] = []
        self._commands = commands
        try:
            yield commands
        finally:
            self._commands = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note the command and its collection."""
        target = event.command.get(event.command_name)
        is_named = isinstance(target, str)
        self._commands.append(f"{event.command_name} {target}" if is_named else event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Do nothing: the start has been noted."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Do nothing: it was a round-trip all the same."""
