"""Tells what an error of MongoDB means. The ORM wraps pymongo's errors, so most functions also examine the causes."""

import re
from collections.abc import Iterator

from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from config.errors import ProductError

TRANSIENT = "TransientTransactionError"
WRITE_CONFLICT = 112
DUPLICATE_KEY = 11000
# The codes of Unauthorized and AuthenticationFailed.
REFUSED = (13, 18)
FORBIDDEN_DATABASE = re.compile(r"not authorized on (?!admin )(\S+) to execute")


def is_transient(error: BaseException) -> bool:
    """Tell whether the transaction may succeed if it runs again."""
    if isinstance(error, ProductError):
        return False
    return any(isinstance(cause, PyMongoError) and cause.has_error_label(TRANSIENT) for cause in _causes(error))


def is_write_conflict(error: PyMongoError) -> bool:
    """Tell whether the write conflicts with a write of another transaction."""
    return isinstance(error, OperationFailure) and error.code == WRITE_CONFLICT


def is_duplicate(error: BulkWriteError) -> bool:
    """Tell whether every failed write was the insert of a document that already exists."""
    return all(each["code"] == DUPLICATE_KEY for each in error.details["writeErrors"])


def is_away(error: BaseException | None) -> bool:
    """Tell whether the error, or a cause of it, says that MongoDB can't be reached or has not responded in time."""
    return any(
        isinstance(cause, ConnectionFailure) or (isinstance(cause, PyMongoError) and cause.timeout)
        for cause in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def is_refused(error: BaseException) -> bool:
    """Tell whether MongoDB rejected the user or the password, or the user lacks a permission."""
    return any(isinstance(cause, OperationFailure) and cause.code in REFUSED for cause in _causes(error))


def explain(error: BaseException) -> str:
    """Return a line that tells operators why MongoDB can't be used. It shows hosts, but neither user nor password."""
    causes = [cause for cause in _causes(error) if isinstance(cause, PyMongoError)]
    if forbidden := FORBIDDEN_DATABASE.search(str(causes[0] if causes else error)):
        return f"The user of MONGODB_URI may not use the database {forbidden[1]}: give it the role dbOwner there"
    if is_refused(error):
        return "MongoDB refuses the user or the password of MONGODB_URI"
    text, _mark, _details = str(causes[0] if causes else error).partition(" (configured timeouts")
    return f"MongoDB does not answer: {' '.join(text.partition(', Timeout:')[0].split()).rstrip('.')}"
