"""How long MongoDB keeps its history, and how long a backup needs it.

A backup reads everything as of one moment. MongoDB keeps the data of that moment for
`minSnapshotHistoryWindowInSeconds`.
"""

import gzip
import io
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pymongo.errors import OperationFailure

from mongodb.collections import connection
from mongodb.failures import is_refused
from ops.backup.archive import COMPRESSION_LEVEL
from ops.backup.catalog import Catalog
from ops.backup.errors import BackupFailed

WINDOW = "minSnapshotHistoryWindowInSeconds"
# MongoDB's default, which is assumed if MongoDB does not tell this user the present value.
DEFAULT_SECONDS = 300
# Other clients use the server meanwhile, so the backup is allowed this many times the estimated time.
MARGIN = 3
LEAST_SECONDS = 30
MEASURED_SECONDS = 1.0
MEASURED_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """The bytes of all documents, before compression, and how long the backup should take."""

    bytes: int
    seconds: float

    @property
    def needed_seconds(self) -> int:
        """How many seconds of history MongoDB should keep."""
        return max(LEAST_SECONDS, math.ceil(MARGIN * self.seconds))


def estimate(catalog: Catalog) -> Estimate:
    """Return the estimate, after measuring for about a second how quickly documents are read and compressed."""
    sizes = {
        each.name: int(connection.database.command("collStats", each.name)["size"]) for each in catalog.collections
    }
    largest, size = max(sizes.items(), key=lambda item: item[1], default=("", 0))
    return Estimate(sum(sizes.values()), sum(sizes.values()) / _bytes_a_second(largest) if size else 0.0)


@contextmanager
def kept_history(seconds: int) -> Iterator[str]:
    """Have MongoDB keep its history for this long inside the block.

    Yield a sentence that says what was changed. Raises BackupFailed if MongoDB keeps less and this user may not change
    the setting.
    """
    before = _window()
    if seconds <= before:
        yield f"MongoDB keeps its history for {before} s, which is enough"
        return
    try:
        _set_window(seconds)
    except OperationFailure as error:
        if not is_refused(error):
            raise
        raise _too_short(before, seconds) from error
    try:
        yield f"MongoDB kept its history for {before} s; until the end of the backup it keeps it for {seconds} s"
    finally:
        _set_window(before)


def _bytes_a_second(name: str) -> float:
    began, count = time.monotonic(), 0
    with gzip.GzipFile(mode="wb", compresslevel=COMPRESSION_LEVEL, fileobj=io.BytesIO()) as stream:
        for batch in connection.database[name].find_raw_batches():
            stream.write(batch)
            count += len(batch)
            if count >= MEASURED_BYTES or time.monotonic() >= began + MEASURED_SECONDS:
                break
    return count / (time.monotonic() - began)


def _window() -> int:
    try:
        return int(connection.connection.admin.command("getParameter", 1, **{WINDOW: 1})[WINDOW])
    except OperationFailure as error:
        if not is_refused(error):
            raise
        return DEFAULT_SECONDS


def _set_window(seconds: int) -> None:
    connection.connection.admin.command("setParameter", 1, **{WINDOW: seconds})


def _too_short(window: int, seconds: int) -> BackupFailed:
    return BackupFailed(
        f"The backup may take up to {seconds} s, but MongoDB keeps its history for {window} s, and the user of "
        f"MONGODB_URI may not change that. As an administrator, run on the primary "
        f"db.adminCommand({{setParameter: 1, {WINDOW}: {seconds}}}), then run the backup again."
    )
