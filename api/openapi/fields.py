"""What spectacular can't know by itself: our authentication and our fields."""

from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.utils import extend_schema_field

from api.filters import IdFilter

Schema = dict[str, Any]

LOWER_CASE_ID = {"type": "string", "pattern": "^[0-9a-f]{24}$"}
ANY_CASE_ID = {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"}
NOT_BLANK = r"\S"
ONE_LINE = r"^(?=.*\S)[^\u0000-\u001f\u007f-\u009f]*$"
UNIX_SECONDS = {"type": "integer", "description": "Unix seconds, UTC."}

extend_schema_field(ANY_CASE_ID)(IdFilter)


class Bearer(OpenApiAuthenticationExtension):
    target_class = "api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        """Return the security scheme."""
        del auto_schema
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The `access` of `POST /auth/token`, good for 30 minutes.",
        }


class ObjectId(OpenApiSerializerFieldExtension):
    target_class = "api.fields.ObjectIdField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Schema:
        """Take either case, answer lower case."""
        del auto_schema
        return dict(ANY_CASE_ID if direction == "request" else LOWER_CASE_ID)


class UnixSeconds(OpenApiSerializerFieldExtension):
    target_class = "api.fields.UnixSecondsField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Schema:
        """Return the type of a moment in an answer."""
        del auto_schema, direction
        return dict(UNIX_SECONDS)


class StrictChar(OpenApiSerializerFieldExtension):
    target_class = "api.fields.StrictCharField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Schema:
        """Say that spaces alone are blank, unless the field has a pattern of its own."""
        schema: Schema = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)  # noqa: SLF001
        has_pattern = any(isinstance(validator, RegexValidator) for validator in self.target.validators)
        return schema if has_pattern else {**schema, "pattern": NOT_BLANK}


class Title(StrictChar):
    target_class = "api.fields.TitleField"
    priority = 1

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Schema:
        """Say in one pattern: not blank, no control characters."""
        return {**super().map_serializer_field(auto_schema, direction), "pattern": ONE_LINE}
