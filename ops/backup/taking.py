"""Takes a backup: writes all data as of one moment into a new file, while the product runs."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from mongodb.collections import Document, connection
from mongodb.pending import APPLIED, RESTORATIONS
from ops.backup.archive import LENGTH_BYTES, ArchiveWriter
from ops.backup.catalog import Catalog, Stored, read_catalog
from ops.backup.errors import BackupFailed, changed_meanwhile, explain_snapshot
from ops.backup.files import new_file
from ops.backup.history import Estimate, estimate, kept_history

Say = Callable[[str], object]

SAY_EVERY_SECONDS = 2.0
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was taken: the moment, the number of documents, and the size of the file."""

    at: datetime
    documents: int
    bytes: int


def take(path: Path, *, say: Say) -> Taken:
    """Write a backup into the file, which must not exist yet. Until the file is complete, it has another name.

    Raises BackupFailed, whose text says what to do.
    """
    catalog = read_catalog()
    if not any(each.name == APPLIED for each in catalog.collections):
        raise BackupFailed(f"The database {connection.database.name} was not migrated, so there is nothing to save.")
    if any(each.name == RESTORATIONS for each in catalog.collections):
        raise BackupFailed("The database is an unfinished restoration: `manage.py restore` says what to do.")
    with new_file(path) as file:
        expected = estimate(catalog)
        say(f"{_megabytes(expected.bytes)} of documents, about {expected.seconds:.0f} s")
        with kept_history(expected.needed_seconds) as history:
            say(history)
            taken = _write(file, catalog, _Progress(expected, say))
    return replace(taken, bytes=path.stat().st_size)


def _write(file: BinaryIO, catalog: Catalog, progress: "_Progress") -> Taken:
    try:
        with connection.connection.start_session(snapshot=True) as client_session:
            head = _head(catalog, client_session)
            writer = ArchiveWriter(file, head)
            for each in catalog.collections:
                for batch in connection.database[each.name].find_raw_batches(session=client_session):
                    writer.write(batch)
                    progress.add(batch)
                writer.end_collection()
            writer.finish()
    except OperationFailure as error:
        explain_snapshot(error)
    if read_catalog() != catalog:
        raise changed_meanwhile()
    return Taken(at=head["at"], documents=progress.documents, bytes=0)


def _head(catalog: Catalog, client_session: ClientSession) -> Document:
    """Return the head of the file. This function makes the session's first query, which fixes the moment of the backup.

    `at` is not later than that moment.
    """
    at: datetime = connection.database.command("hello")["localTime"].replace(tzinfo=UTC)
    applied = connection.database[APPLIED].find({}, session=client_session)
    return {
        "at": at,
        "database": connection.database.name,
        "mongodb": connection.connection.server_info()["version"],
        "migrations": sorted(f"{each['app']}.{each['name']}" for each in applied),
        "views": catalog.views,
        "collections": [_stored(each) for each in catalog.collections],
    }


def _stored(each: Stored) -> dict[str, Any]:
    return {name: value for name, value in asdict(each).items() if name != "uuid"}


class _Progress:
    """Counts documents, and reports from time to time how far the backup has come."""

    def __init__(self, expected: Estimate, say: Say) -> None:
        self.documents = 0
        self._bytes = 0
        self._expected = expected.bytes
        self._say = say
        self._say_after = time.monotonic() + SAY_EVERY_SECONDS

    def add(self, batch: bytes) -> None:
        """Count the documents of the batch."""
        position = 0
        while position < len(batch):
            position += int.from_bytes(batch[position : position + LENGTH_BYTES], "little")
            self.documents += 1
        self._bytes += len(batch)
        if time.monotonic() >= self._say_after:
            self._say_after = time.monotonic() + SAY_EVERY_SECONDS
            self._say(f"{_megabytes(self._bytes)} of {_megabytes(self._expected)}, {self.documents:,} documents")


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,.1f} MB"
