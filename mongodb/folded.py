"""Searches that ignore case, accents and width. They use indexes with a collation.

The collation compares base letters only (the first level of the Unicode Collation Algorithm): `STRASSE` equals
`straße`, `José` equals `jose`, and full-width letters equal normal ones. The index contains the folded text, so the
documents need no folded copy that could become outdated.
"""

from typing import Any

from mongodb.collections import Document, collection

FOLDED = {"locale": "en", "strength": 1}
# This character sorts after all others in the collation.
LAST = "\uffff"


def begins_with(text: str) -> Document:
    """Return the condition that a field begins with the text.

    The query needs the collation FOLDED, and an index with this collation. A regular expression would read the whole
    index.
    """
    return {"$gte": text, "$lt": text + LAST}


def find_folded(name: str, condition: Document, *, fields: Document, limit: int) -> list[Document]:
    """Return at most `limit` documents of the collection that match under the collation FOLDED."""
    found: list[Document] = list(collection(name).find(condition, fields, collation=FOLDED, limit=limit))
    return found


def create_folded_index(schema_editor: Any, name: str, field: str, index: str) -> None:
    """Create the index of a field that people search, unless the index exists."""
    schema_editor.connection.get_collection(name).create_index([(field, 1)], name=index, collation=FOLDED)
