"""Writes that do not wait for the transactions of others.

A write outside a transaction waits as long as another transaction holds a document that it would change: until that
transaction ends, or MongoDB aborts it. Inside a transaction, the same write fails at once.
"""

from typing import Any

from pymongo.errors import ExecutionTimeout, OperationFailure
from pymongo.write_concern import WriteConcern

from mongodb.collections import Document, connection
from mongodb.failures import is_write_conflict

# One server acknowledges these writes, as those of `quick_collection`.
QUICK = WriteConcern(w=1)


class Held(Exception):
    """Another open transaction has written the document."""


def find_one_and_update_unless_held(name: str, condition: Document, update: Document) -> Document | None:
    """Update a document and return it as it was before, or None if none matches. Raise Held instead of waiting.

    It costs two round-trips, because it is a transaction of its own.
    """
    documents = connection.get_collection(name)
    with connection.connection.start_session() as client_session:
        client_session.start_transaction(write_concern=QUICK)
        try:
            found: Document | None = documents.find_one_and_update(condition, update, session=client_session)
            client_session.commit_transaction()
        except OperationFailure as error:
            if not is_write_conflict(error):
                raise
            raise Held from error
    return found


def delete_within(name: str, condition: Document, *, milliseconds: int) -> bool:
    """Delete the matching documents. Returns False if transactions held some of them until the time was over."""
    command: dict[str, Any] = {"delete": name, "deletes": [{"q": condition, "limit": 0}], "maxTimeMS": milliseconds}
    try:
        connection.get_database().command(command, write_concern=QUICK)
    except ExecutionTimeout:
        return False
    return True
