"""The reasons why a backup was not taken or not restored, in sentences for operators."""

from typing import NoReturn

from pymongo.errors import OperationFailure

from config.errors import ProductError

# MongoDB's codes for the errors SnapshotTooOld and SnapshotUnavailable.
TOO_OLD = 239
UNAVAILABLE = 246


class BackupFailed(ProductError):
    """The backup or its restoration can't be done. The text says what to do."""

    code = "backup_failed"


def changed_meanwhile() -> BackupFailed:
    """Return the error for a database whose collections or indexes were not the same from beginning to end."""
    return BackupFailed(
        "Collections or indexes have changed meanwhile, for example through `manage.py migrate`. Run the command again."
    )


def explain_snapshot(error: OperationFailure) -> NoReturn:
    """Raise BackupFailed if MongoDB can't read the data as of the backup's moment. Otherwise raise the error itself."""
    if error.code == UNAVAILABLE:
        raise changed_meanwhile() from error
    if error.code == TOO_OLD:
        raise BackupFailed(
            "MongoDB does not keep its history for as long as this backup takes. On the primary, run "
            "db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 3600}), then run the backup again."
        ) from error
    raise error
