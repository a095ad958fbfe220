"""Texts that people search for, compared regardless of case, accents and width, by indexes with a collation.

The collation compares letters only, as the Unicode Collation Algorithm defines them at its first level: `STRASSE` and
`straße`, `José` and `jose`, full-width and usual letters are equal. The index holds the folded text, so there is no
copy of the text that could be outdated.
"""

from typing import Any

from mongodb.collections import Document, collection

FOLDED = {"locale": "en", "strength": 1}
# It comes after all other characters in the order of the collation.
LAST = "\uffff"


def begins_with(text: str) -> Document:
    """Return the condition of a field that begins with the text. It needs the collation FOLDED, and an index with it.

    A regular expression would read the whole index.
    """
    return {"$gte": text, "$lt": text + LAST}


def find_folded(name: str, condition: Document, *, fields: Document, limit: int) -> list[Document]:
    """Return the first documents of the collection that match, compared by FOLDED."""
    found: list[Document] = list(collection(name).find(condition, fields, collation=FOLDED, limit=limit))
    return found


def create_folded_index(schema_editor: Any, name: str, field: str, index: str) -> None:
    """Create the index of a field that people search. It may be repeated."""
    schema_editor.connection.get_collection(name).create_index([(field, 1)], name=index, collation=FOLDED)
