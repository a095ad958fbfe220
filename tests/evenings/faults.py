"""MongoDB's faults, caused by `failCommand`: conflicts, aborted commits, and commits whose result is unknown."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient

from tests.environment import MONGO_DIR
from tests.factories.documents import connection

WRITE_CONFLICT, WRITE_CONCERN_TIMEOUT, NO_SUCH_TRANSACTION = 112, 64, 251
TRANSIENT, UNKNOWN_RESULT = ["TransientTransactionError"], ["UnknownTransactionCommitResult"]
# None of these faults makes the driver look for another server, which would take half a second.
KINDS: dict[str, dict[str, Any]] = {
    "conflict": {"failCommands": ["update", "findAndModify"], "errorCode": WRITE_CONFLICT, "errorLabels": TRANSIENT},
    "aborted": {"failCommands": ["commitTransaction"], "errorCode": NO_SUCH_TRANSACTION, "errorLabels": TRANSIENT},
    "unknown": {
        "failCommands": ["commitTransaction"],
        "writeConcernError": {"code": WRITE_CONCERN_TIMEOUT, "errmsg": "waiting for replication timed out"},
        "errorLabels": UNKNOWN_RESULT,
    },
}


@dataclass(frozen=True)
class MongoFault:
    """A fault that makes the next commands fail, as many times as `times` says."""

    kind: str
    times: int


class Failpoint:
    """Makes the server fail commands of this process. All test processes share the server's only failpoint."""

    def __init__(self) -> None:
        self._client = MongoClient[dict[str, Any]](os.environ["MONGODB_URI"])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    @contextmanager
    def fails(self, fault: MongoFault) -> Iterator[None]:
        """Make the first commands of the block fail."""
        name = connection.database.client.options.pool_options.appname
        with (MONGO_DIR / "failpoint").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._set(mode={"times": fault.times}, data={**KINDS[fault.kind], "appName": name})
            try:
                yield
            finally:
                self._set(mode="off")

    def _set(self, **failpoint: Any) -> None:
        self._client.admin.command("configureFailPoint", "failCommand", **failpoint)
