"""Restores a backup into an empty database.

The migrations are restored last, and until then no qcluster works with the database. The collection RESTORATIONS marks
a database whose restoration is not finished. A crash leaves the mark in place.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pymongo.errors import DuplicateKeyError

from mongodb.collections import Document, connection
from mongodb.pending import APPLIED, RESTORATIONS, known_migrations
from ops.backup import archive
from ops.backup.catalog import is_empty
from ops.backup.errors import BackupFailed
from ops.backup.gap import Gap, bridge
from taskqueue.heartbeat import CLUSTERS

Say = Callable[[str], object]

UNFINISHED = "restoration"
SAY_EVERY_SECONDS = 2.0
# Collections that are not filled, because the qclusters of the backup do not run on this database.
LEFT_OUT = frozenset({CLUSTERS})


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that was restored: its moment, the number of its documents, and what has come due since then."""

    at: datetime
    documents: int
    gap: Gap


def restore(path: Path, *, anew: bool, say: Say) -> Restored:
    """Restore the file into the empty database. With `anew`, first remove what an interrupted restoration has left.

    Raises BackupFailed, whose text says what to do.
    """
    with path.open("rb") as file:
        say("Checking the file")
        archive.check(file)
        reader = archive.ArchiveReader(file)
        _check_release(reader.head["migrations"])
        if anew:
            _remove_unfinished()
        _begin(path)
        documents, gap = _fill(reader, say)
    connection.database.drop_collection(RESTORATIONS)
    return Restored(at=reader.head["at"], documents=documents, gap=gap)


def _check_release(migrations: Iterable[str]) -> None:
    if unknown := sorted(set(migrations) - known_migrations()):
        raise BackupFailed(
            f"The backup is of a newer release, which has {len(unknown)} more migrations, first {unknown[0]}. "
            "Restore it with the code of that release."
        )


def _begin(path: Path) -> None:
    """Mark the database as being restored. Raises BackupFailed if it is not empty, or is being restored already."""
    name = connection.database.name
    if RESTORATIONS in connection.database.list_collection_names():
        raise _unfinished(name)
    if not is_empty():
        raise BackupFailed(
            f"The database {name} is not empty. Set MONGODB_NAME to the name of a new database, "
            "and change it in the environment of all processes afterwards."
        )
    try:
        connection.database[RESTORATIONS].insert_one({"_id": UNFINISHED, "file": str(path), "began_at": _now()})
    except DuplicateKeyError as error:
        raise _unfinished(name) from error


def _unfinished(name: str) -> BackupFailed:
    return BackupFailed(
        f"The database {name} is being restored, or a restoration was interrupted. In the latter case, "
        "run the command again with --anew, which empties the database first."
    )


def _remove_unfinished() -> None:
    """Empty the database. Raises BackupFailed if it does not hold an interrupted restoration."""
    names = connection.database.list_collection_names()
    if RESTORATIONS not in names:
        raise BackupFailed(
            f"No restoration into the database {connection.database.name} was interrupted: leave out --anew."
        )
    for name in sorted(names, key=lambda each: each == RESTORATIONS):  # the mark is dropped last
        if not name.startswith("system."):
            connection.database.drop_collection(name)


def _fill(reader: archive.ArchiveReader, say: Say) -> tuple[int, Gap]:
    progress = _Progress(say)
    gap = None
    for each, documents in reader.collections():
        if each["name"] == APPLIED:
            gap = bridge(at=reader.head["at"], now=_now())
            _create_views(reader.head["views"])
        _create(each)
        for batch in archive.batches(documents):
            if each["name"] not in LEFT_OUT:
                connection.database[each["name"]].insert_many(batch)
                progress.add(each["name"], len(batch))
        _create_indexes(each)
    if gap is None:
        raise BackupFailed("The backup has no migrations.")
    return progress.documents, gap


def _create(stored: Document) -> None:
    connection.database.create_collection(stored["name"], check_exists=False, **stored["options"])


def _create_indexes(stored: Document) -> None:
    """Create the indexes, which takes less time after the insertion of the documents than before."""
    if stored["indexes"]:
        connection.database.command("createIndexes", stored["name"], indexes=stored["indexes"])


def _create_views(views: Iterable[Document]) -> None:
    for view in views:
        connection.database.create_collection(view["name"], check_exists=False, **view["options"])


def _now() -> datetime:
    """Return the time by the database's clock."""
    now: datetime = connection.database.command("hello")["localTime"].replace(tzinfo=UTC)
    return now


class _Progress:
    """Counts documents, and reports from time to time how far the restoration has come."""

    def __init__(self, say: Say) -> None:
        self.documents = 0
        self._say = say
        self._say_after = time.monotonic() + SAY_EVERY_SECONDS

    def add(self, name: str, count: int) -> None:
        """Count documents of the collection."""
        self.documents += count
        if time.monotonic() >= self._say_after:
            self._say_after = time.monotonic() + SAY_EVERY_SECONDS
            self._say(f"{self.documents:,} documents, now {name}")
