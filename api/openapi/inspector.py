"""`ApiSchema`, which makes a view's part of the OpenAPI document from its room's `schema.py` and the view itself."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.validators import RegexValidator
from django.http import Http404, UnreadablePostError
from drf_spectacular.openapi import AutoSchema
from rest_framework.exceptions import NotAcceptable, NotAuthenticated, Throttled, UnsupportedMediaType, ValidationError

from api.access import in_words, roles_of_call
from api.fields import ObjectIdField, OneLineField, StrictCharField
from api.idempotency import REPLAY_HEADER, IdempotencyKeyRequired, InvalidIdempotencyKey
from api.openapi.problems import INVALID_QUERY, REPEATED_PARAMETER, UNKNOWN_FIELD, problem_responses
from api.openapi.schemas import ID_IN_ANY_CASE, Schema
from api.openapi.shared import (
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    IN_EVERY_ANSWER,
    KEY_PARAMETER,
    LOCATION,
    PARAMETERS,
    constant_headers,
    refs,
)
from api.pagination import InvalidCursor, InvalidPageSize
from api.parsers import MalformedJSON, PayloadTooLarge
from api.serializers import StrictSerializer
from api.views import WITH_BODY, LengthRequired
from config.errors import Error, Unavailable, errors_of

ID_SUFFIX = "_id"
MEANINGS = {"200": "Done.", "201": "Created.", "204": "Done."}
# Python's `strip` removes some control characters that patterns of JSON Schema don't count as white space.
NOT_BLANK = r"[^\s\u001c-\u001f\u0085]"
ONE_LINE = r"^(?=.*\S)[^\u0000-\u001f\u007f-\u009f]*$"


class ApiSchema(AutoSchema):
    """Adds texts, headers, problems, and the rules of our serializers and fields to an operation.

    `api.openapi.operations.operation` sets the attributes below.
    """

    constant_headers: Mapping[str, str] = {}
    uses_database = True
    body_is_optional = False
    has_etag = False

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> dict[str, Any] | None:
        """Return the operation object."""
        operation: Schema = super().get_operation(path, path_regex, path_prefix, method, registry) or {}
        errors = list(self._errors())
        keys = [{**KEY_PARAMETER, "required": IdempotencyKeyRequired in errors}]
        keys, replay = (keys, [REPLAY_HEADER]) if InvalidIdempotencyKey in errors else ([], [])
        if self.has_etag:
            keys = [*keys, IF_NONE_MATCH if method == "GET" else IF_MATCH]
            replay = [*replay, ETAG]
        operation["parameters"] = [*operation.get("parameters", []), *keys, *refs("parameters", PARAMETERS).values()]
        location = [LOCATION] if "201" in operation["responses"] else []
        headers = refs("headers", (*IN_EVERY_ANSWER, *location, *replay)) | constant_headers(self.constant_headers)
        for status, response in operation["responses"].items():
            response |= {"description": MEANINGS[status], "headers": headers}
        if self.has_etag and method == "GET":
            operation["responses"]["304"] = {
                "description": "Not modified: `If-None-Match` has the current `ETag`.",
                "headers": headers,
            }
        operation["responses"] |= problem_responses(errors, registry)
        operation.setdefault("security", [])
        if "requestBody" in operation:
            operation["requestBody"]["required"] = not self.body_is_optional
        return operation

    def get_summary(self) -> str:
        """Return the first line of the method's docstring."""
        return self._paragraphs()[0].removesuffix(".")

    def get_description(self) -> str:  # type: ignore[override]
        """Return the rest of the docstring, and who may make the call."""
        return "\n\n".join([*self._paragraphs()[1:], f"Who: {in_words(roles_of_call(self.view))}."])

    def _paragraphs(self) -> list[str]:
        docstring = inspect.getdoc(self._method()) or ""
        return [_unwrapped(each) for each in docstring.split("\n\n") if not each.startswith("Flow: ")]

    def _method(self) -> Any:
        return getattr(type(self.view), getattr(self.view, "action", self.method.lower()))

    def _errors(self) -> Iterator[Error | Exception]:
        """Yield the errors that the operation can raise, in the order of the checks."""
        yield UnreadablePostError
        if self.view.get_authenticators():
            yield NotAuthenticated
        if self.view.get_throttles():
            yield Throttled
        yield NotAcceptable
        if self.method in WITH_BODY:
            yield from (LengthRequired, PayloadTooLarge, UnsupportedMediaType, MalformedJSON)
        yield REPEATED_PARAMETER
        if "{" in self.path:
            yield Http404
        if self.get_request_serializer() is not None and not isinstance(self.get_request_serializer(), dict):
            yield from (ValidationError, UNKNOWN_FIELD)
        if self._is_list_view():
            yield from (INVALID_QUERY, InvalidCursor, InvalidPageSize)
        yield from errors_of(self._method())
        if self.uses_database:
            yield Unavailable

    def _resolve_path_parameters(self, variables: list[str]) -> list[Schema]:
        parameters: list[Schema] = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        for parameter in parameters:
            of, suffix, _ = parameter["name"].partition(ID_SUFFIX)
            if suffix:
                parameter |= {"description": f"The {of}'s id.", "schema": ID_IN_ANY_CASE}
        return parameters

    def _map_serializer_field(self, field: Any, direction: str, bypass_extensions: bool = False) -> Schema:  # noqa: FBT001, FBT002
        """Return the schema of the field. Fields of our own classes get a pattern."""
        schema: Schema = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if isinstance(field, OneLineField):
            schema["pattern"] = ONE_LINE
        elif isinstance(field, StrictCharField) and not field.allow_blank and not _has_pattern(field):
            schema["pattern"] = NOT_BLANK
        elif isinstance(field, ObjectIdField) and direction == "request":
            schema["pattern"] = ID_IN_ANY_CASE["pattern"]
        return schema

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Schema:
        """Return the schema of the serializer. It forbids unknown fields in the bodies of requests.

        `readOnly` is left out, because no class is the body of both a request and a response.
        """
        schema: Schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        for field in schema.get("properties", {}).values():
            field.pop("readOnly", None)
            field.pop("x-spec-enum-id", None)  # for a hook of drf-spectacular that we do not use
        return schema


def _unwrapped(paragraph: str) -> str:
    """Return the paragraph without line breaks, except before each item of a list."""
    return "\n".join(" ".join(item.split()) for item in re.split(r"\n(?=- )", paragraph))


def _has_pattern(field: StrictCharField) -> bool:
    return any(isinstance(validator, RegexValidator) for validator in field.validators)
