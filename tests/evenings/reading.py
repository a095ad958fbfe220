"""Reads collections and caches them, because an evening reads the same collections after each step."""

from collections import defaultdict
from typing import Any

from pymongo import monitoring

from tests.evenings.stage import STAGE
from tests.factories.documents import Document, stored

WRITES = frozenset({"insert", "update", "delete", "findAndModify"})


class Reading(monitoring.CommandListener):
    """Keeps what was read from a collection until a command writes to it, or a transaction commits."""

    def __init__(self) -> None:
        self._kept: defaultdict[str, dict[str, list[Document]]] = defaultdict(dict)

    def stored(self, collection: str, **condition: Any) -> list[Document]:
        """Return the documents, oldest first. The caller must not change them."""
        if STAGE.holds:
            return stored(collection, **condition)  # the held call may write at any time
        kept, key = self._kept[collection], repr(condition)
        if key not in kept:
            kept[key] = stored(collection, **condition)
        return kept[key]

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Forget what the command may change."""
        if event.command_name == "commitTransaction":
            self._kept.clear()
        elif event.command_name in WRITES:
            self._kept.pop(event.command[event.command_name], None)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Do nothing."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Do nothing."""


READING = Reading()
