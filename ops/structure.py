"""The structure of the database that `manage.py doctor` checks: the indexes and views that the migrations create.

`structure.json` lists them. After you have written a migration that changes an index or a view, migrate an empty
database, and write the file from it: `manage.py list_structure > ops/structure.json`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bson import json_util

from mongodb.collections import Document, connection
from mongodb.folded import FOLDED
from ops.findings import Finding, State

FILE = Path(__file__).with_name("structure.json")
MOST_LINES = 10
# The options of an index that are compared, besides its name, keys and collation.
OPTIONS = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression")


def read_structure() -> Document:
    """Return `{indexes: {collection: [index]}, views: {name: {viewOn, pipeline}}}` of the database.

    Indexes on `_id`, and collections without other indexes, are left out.
    """
    database = connection.database
    listed = sorted(database.list_collections(), key=lambda each: str(each["name"]))
    # The role dbOwner may not list the indexes of `system.views`.
    names = [each["name"] for each in listed if each["type"] == "collection" and not each["name"].startswith("system.")]
    indexes = {name: specs for name in names if (specs := _indexes(name))}
    return {"indexes": indexes, "views": {each["name"]: each["options"] for each in listed if each["type"] == "view"}}


def expected_structure() -> Document:
    """Return what the migrations of this release create."""
    expected: Document = json.loads(FILE.read_text(encoding="utf-8"), object_hook=json_util.object_hook)
    return expected


def examine_structure() -> Iterator[Finding]:
    """Report what is missing. Without a unique index, two requests can both do what only one of them may do."""
    found, expected = read_structure(), expected_structure()
    missing = [
        (name, index)
        for name, indexes in expected["indexes"].items()
        for index in indexes
        if index not in found["indexes"].get(name, [])
    ]
    for name, index in missing[:MOST_LINES]:
        state = State.FAILED if index.get("unique") else State.WARNING
        yield Finding("indexes", state, f"{name} lacks {index['name']}: run {_command(name, index)}")
    if len(missing) > MOST_LINES:
        yield Finding("indexes", State.WARNING, f"{len(missing) - MOST_LINES} more are missing: create these first")
    for name in sorted(set(expected["views"]) - set(found["views"])):
        yield Finding("views", State.FAILED, f"{name} is missing: run {_view_command(name, expected['views'][name])}")
    if not missing:
        yield Finding("indexes", State.FINE, "all indexes exist")


def _indexes(name: str) -> list[Document]:
    indexes = [_index(each) for each in connection.database[name].list_indexes() if each["name"] != "_id_"]
    return sorted(indexes, key=lambda index: str(index["name"]))


def _index(index: Any) -> Document:
    options = {name: index[name] for name in OPTIONS if name in index}
    if "collation" in index:  # the server adds a version, and all options that were not chosen
        options["collation"] = {name: index["collation"][name] for name in FOLDED}
    return {"name": index["name"], "key": [list(pair) for pair in index["key"].items()], **options}


def _command(name: str, index: Document) -> str:
    options = {option: value for option, value in index.items() if option != "key"}
    return f"db.{name}.createIndex({json_util.dumps(dict(index['key']))}, {json_util.dumps(options)})"


def _view_command(name: str, view: Document) -> str:
    source, pipeline = (json_util.dumps(view[option]) for option in ("viewOn", "pipeline"))
    return f'db.createView("{name}", {source}, {pipeline})'
