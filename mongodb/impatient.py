"""Writes that do not wait for other transactions, or wait only for a limited time.

If an open transaction holds one of the documents, a write outside a transaction waits until that transaction ends or
MongoDB aborts it. Inside a transaction, the same write fails immediately.
"""

from typing import Any

from pymongo.errors import ExecutionTimeout, OperationFailure
from pymongo.write_concern import WriteConcern

from mongodb.collections import Document, connection
from mongodb.deadlines import apart_from_deadline
from mongodb.failures import is_write_conflict

# Only one server acknowledges these writes, as with `quick_collection`.
QUICK = WriteConcern(w=1)


class Held(Exception):
    """Another open transaction has written the document."""


def update_unless_held(name: str, condition: Document, update: Document) -> int:
    """Update all matching documents or none, and return how many were changed. Raises Held instead of waiting.

    The call takes two round-trips, because the update is a transaction of its own.
    """
    documents = connection.get_collection(name)
    with connection.connection.start_session() as client_session:
        client_session.start_transaction(write_concern=QUICK)
        try:
            updated = documents.update_many(condition, update, session=client_session)
            client_session.commit_transaction()
        except OperationFailure as error:
            if not is_write_conflict(error):
                raise
            raise Held from error
    return int(updated.modified_count)


def update_within(name: str, condition: Document, update: Document, *, milliseconds: int) -> int | None:
    """Update the matching documents, and return how many were changed.

    Return None if transactions held some of the documents for the whole `milliseconds`. Other documents may have been
    changed nevertheless.
    """
    updates = [{"q": condition, "u": update, "multi": True}]
    command: dict[str, Any] = {"update": name, "updates": updates, "maxTimeMS": milliseconds}
    database = connection.get_database()
    try:
        # A deadline would replace this `maxTimeMS` with its own.
        answer = apart_from_deadline(lambda: database.command(command, write_concern=QUICK))
    except ExecutionTimeout:
        return None
    return int(answer["nModified"])
