"""JSON schemas of our fields, and of responses that no serializer describes."""

from collections.abc import Collection
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema_field

from api.fields import ObjectIdField, UnixSecondsField
from api.filters import IdFilter, SecondsFilter

Schema = dict[str, Any]

ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{24}$"}
ID_IN_ANY_CASE: Schema = {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"}
SECONDS: Schema = {"type": "integer", "description": "Unix seconds, UTC."}
SECONDS_IN_A_QUERY: Schema = {"type": "integer", "minimum": 0, "maximum": 10**11 - 1}
MILLISECONDS: Schema = {"type": "integer", "description": "Unix milliseconds, UTC."}
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
BOOLEAN: Schema = {"type": "boolean"}

extend_schema_field(ID)(ObjectIdField)
extend_schema_field(SECONDS)(UnixSecondsField)
extend_schema_field(ID_IN_ANY_CASE)(IdFilter)
extend_schema_field(SECONDS_IN_A_QUERY)(SecondsFilter)


class Bearer(OpenApiAuthenticationExtension):
    target_class = "api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        """Return the security scheme."""
        del auto_schema
        description = "The `access` of `POST /auth/token`, good for 30 minutes."
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description}


def an_object(properties: dict[str, Schema], *, optional: Collection[str] = (), **more: Any) -> Schema:
    """Return the schema of an object with these properties, all of them required except the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", **more, "properties": properties, "required": required}


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may be null."""
    return {**schema, "type": [schema["type"], "null"]}


def list_of(schema: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def resolved(document: Schema, value: Any) -> Any:
    """Return what a reference in the document refers to. Return any other value unchanged."""
    while "$ref" in value:
        found: Any = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value
