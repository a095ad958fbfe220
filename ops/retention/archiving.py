"""Moves old rows from the database into files. A file is complete before its rows are deleted from the database.

    DIRECTORY/goal_timeline-20261129T081500Z-0001

While rows are being deleted, the file has PENDING in its name. So even after an interruption, each row is in the
database, in a complete file, or in both. The next run continues. A file is laid out like a backup
(`ops/backup/archive.py`), with the head `{at, database, collections: [{name}], before}`.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, count, islice
from pathlib import Path

from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from mongodb.collections import connection
from ops.backup.archive import ArchiveReader, ArchiveWriter, batches, check
from ops.backup.errors import BackupFailed
from ops.backup.files import UNFINISHED, new_file, sync
from ops.retention.selection import rows_to_archive

Say = Callable[[str], object]

TITLE = b"showgoals archive 1 sha256 "
PENDING = ".pending"
ROWS_A_FILE = 100_000
SAY_EVERY_SECONDS = 2.0
DUPLICATE = 11000


@dataclass(frozen=True, slots=True)
class Restored:
    """How many rows of a collection were put back, and how many were still there."""

    collection: str
    added: int
    present: int


def archive(directory: Path, days: Mapping[str, int], *, now: datetime, say: Say) -> list[Path]:
    """Move the rows of each collection that are older than its `days` into files. Return the paths of the files.

    First finish what an earlier run has begun. Raises BackupFailed if another run works in the directory.
    """
    with _locked(directory):
        for unfinished in directory.glob(f"*{UNFINISHED}"):
            unfinished.unlink()
        paths = [_delete(pending, say=say) for pending in sorted(directory.glob(f"*{PENDING}"))]
        for name, most in days.items():
            paths.extend(_archive(directory, name, before=now - timedelta(days=most), now=now, say=say))
        return paths


def restore(path: Path, *, say: Say) -> Restored:
    """Put the rows of the file back into the database. Rows that still exist stay as they are."""
    with path.open("rb") as file:
        check(file, TITLE)
        reader = ArchiveReader(file)
        (collection, rows), added, present = next(reader.collections()), 0, 0
        progress = _Progress(f"rows of {path.name} are back", say)
        for batch in batches(rows):
            missing = _insert(collection["name"], batch)
            added, present = added + missing, present + len(batch) - missing
            progress.add(len(batch))
    return Restored(collection["name"], added, present)


def _archive(directory: Path, name: str, *, before: datetime, now: datetime, say: Say) -> Iterator[Path]:
    rows = rows_to_archive(name, before=before)
    for number in count(1):
        if (first := next(rows, None)) is None:
            return
        pending = directory / f"{name}-{now:%Y%m%dT%H%M%SZ}-{number:04}{PENDING}"
        with new_file(pending) as file:
            head = {"at": now, "database": connection.database.name, "collections": [{"name": name}], "before": before}
            writer = ArchiveWriter(file, head, TITLE)
            progress = _Progress(f"rows of {name} are written", say)
            for row in chain([first], islice(rows, ROWS_A_FILE - 1)):
                writer.write(bytes(row.raw))
                progress.add(1)
            writer.end_collection()
            writer.finish()
        yield _delete(pending, say=say)


def _delete(pending: Path, *, say: Say) -> Path:
    """Delete the file's rows from the database, then rename the file. Return its new path."""
    with pending.open("rb") as file:
        check(file, TITLE)
        collection, rows = next(ArchiveReader(file).collections())
        progress = _Progress(f"rows of {collection['name']} are deleted", say)
        for batch in batches(rows):
            connection.database[collection["name"]].delete_many({"_id": {"$in": [row["_id"] for row in batch]}})
            progress.add(len(batch))
    path = pending.with_suffix("")
    pending.rename(path)
    sync(path.parent)
    return path


def _insert(name: str, rows: Sequence[RawBSONDocument]) -> int:
    """Insert the rows that do not exist. Return their number."""
    try:
        connection.database[name].insert_many(rows, ordered=False)
    except BulkWriteError as error:
        if any(each["code"] != DUPLICATE for each in error.details["writeErrors"]):
            raise
        return int(error.details["nInserted"])
    return len(rows)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BackupFailed(f"Another `manage.py archive` works in {directory}.") from error
    finally:
        os.close(descriptor)


class _Progress:
    """Counts rows, and reports the count from time to time."""

    def __init__(self, text: str, say: Say) -> None:
        self._rows, self._text, self._say = 0, text, say
        self._say_after = time.monotonic() + SAY_EVERY_SECONDS

    def add(self, rows: int) -> None:
        """Count the rows."""
        self._rows += rows
        if time.monotonic() >= self._say_after:
            self._say_after = time.monotonic() + SAY_EVERY_SECONDS
            self._say(f"{self._rows:,} {self._text}")
