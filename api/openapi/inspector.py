"""What holds for every operation, added to what its room says: the class that DRF asks for a view's schema."""

from collections.abc import Iterator
from typing import Any

from django.http import Http404, UnreadablePostError
from drf_spectacular.openapi import AutoSchema
from rest_framework.exceptions import NotAcceptable, NotAuthenticated, UnsupportedMediaType

from api.idempotency import (
    REPLAY_HEADER,
    IdempotencyInProgress,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
)
from api.openapi.described import DECLARED, Declared, Error, Key
from api.openapi.headers import KEY_PARAMETER, constant_headers, header_refs, parameter_refs
from api.openapi.problems import INVALID, INVALID_QUERY, THROTTLED, UNKNOWN_FIELD, problem_responses
from api.pagination import InvalidCursor, InvalidPageSize
from api.parsers import MalformedJSON, PayloadTooLarge
from api.permissions import in_words, roles_of_call
from api.serializers import StrictSerializer
from api.views import WITH_BODY, LengthRequired
from config.errors import Unavailable

Schema = dict[str, Any]

PATH_IDS = {"goal_id": "The goal's id.", "session_id": "The session's id.", "viewer_id": "The viewer's id."}
WANTS_KEY = (InvalidIdempotencyKey, IdempotencyKeyReused, IdempotencyInProgress)


class ApiSchema(AutoSchema):
    """Adds headers, the shared problems, and what our own base classes promise."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> dict[str, Any] | None:
        """Return the operation object."""
        operation: Schema | None = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return None
        operation["description"] += f"\n\nWho: {in_words(roles_of_call(self.view))}."
        declared: Declared = operation.pop(DECLARED, Declared())
        key = [{**KEY_PARAMETER, "required": declared.key is Key.REQUIRED}] if declared.key is not Key.IGNORED else []
        operation["parameters"] = [*operation.get("parameters", []), *key, *parameter_refs(registry)]
        replay = [REPLAY_HEADER] if key else []
        for response in operation["responses"].values():
            response["headers"] = header_refs(replay, registry) | constant_headers(declared.headers)
        operation["responses"] |= problem_responses(self._errors(declared), registry)
        if "requestBody" in operation:
            operation["requestBody"]["required"] = not declared.body_is_optional
        return operation

    def _errors(self, declared: Declared) -> Iterator[Error]:
        """Yield what the operation can raise, in the order in which it is looked at."""
        yield UnreadablePostError()
        if self.view.get_authenticators():
            yield NotAuthenticated
        if self.view.get_throttles():
            yield THROTTLED
        yield NotAcceptable
        if self.method in WITH_BODY:
            yield from (LengthRequired, PayloadTooLarge, UnsupportedMediaType("text/plain"), MalformedJSON)
        if "{" in self.path:
            yield Http404()
        yield from self._errors_of_body()
        if self._is_list_view():
            yield from (INVALID_QUERY, InvalidCursor, InvalidPageSize)
        if declared.key is Key.REQUIRED:
            yield IdempotencyKeyRequired
        if declared.key is not Key.IGNORED:
            yield from WANTS_KEY
        yield from declared.errors
        if declared.uses_database:
            yield Unavailable

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Tell by the good answer, which `described` has wrapped: else only a viewset's `list` would count."""
        answer: Any = self.get_response_serializers() if serializer is None else serializer
        if isinstance(answer, dict) and answer:
            answer = next(iter(answer.values()))
        return bool(super()._is_list_view(getattr(answer, "response", answer)))

    def _errors_of_body(self) -> Iterator[Error]:
        body = self.get_request_serializer()
        if body is None or isinstance(body, dict):
            return
        yield INVALID
        if not isinstance(body, type) or issubclass(body, StrictSerializer):
            yield UNKNOWN_FIELD

    def _resolve_path_parameters(self, variables: list[str]) -> list[Schema]:
        parameters: list[Schema] = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        for parameter in parameters:
            if parameter["name"] in PATH_IDS:
                parameter["description"] = PATH_IDS[parameter["name"]]
                parameter["schema"] = {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"}
        return parameters

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Schema:
        """Say that bodies take no other fields; leave out `readOnly`, for no class is both body and answer."""
        schema: Schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        for field in schema.get("properties", {}).values():
            field.pop("readOnly", None)
            field.pop("x-spec-enum-id", None)  # for a hook of spectacular's that we leave out
        return schema
