"""JSON schemas of answers that no serializer shapes."""

from collections.abc import Collection
from typing import Any

from api.openapi.fields import LOWER_CASE_ID, UNIX_SECONDS

Schema = dict[str, Any]

ID: Schema = LOWER_CASE_ID
SECONDS: Schema = UNIX_SECONDS
MILLISECONDS: Schema = {"type": "integer", "description": "Unix milliseconds, UTC."}
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
BOOLEAN: Schema = {"type": "boolean"}


def an_object(properties: dict[str, Schema], *, optional: Collection[str] = ()) -> Schema:
    """Return the schema of an object with these properties, all of them there but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may be null."""
    return {**schema, "type": [schema["type"], "null"]}


def list_of(schema: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}
