"""The problems that an operation can answer, from the exceptions that it can raise."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from rest_framework.exceptions import ErrorDetail, Throttled, ValidationError

from api.openapi.components import component_ref
from api.openapi.described import Error
from api.openapi.headers import header_refs
from api.problems import CONTENT_TYPE, Problem, describe

Schema = dict[str, Any]

# Instances, because these classes alone don't say what was wrong.
INVALID = ValidationError({"nbf": [ErrorDetail("This field is required.", "required")]})
INVALID_QUERY = ValidationError({"sesion_id": [ErrorDetail("This parameter is not known.", "unknown_parameter")]})
THROTTLED = Throttled(wait=30)
UNKNOWN_FIELD = ValidationError({"colour": [ErrorDetail("This field is not known.", "unknown_field")]})

PROBLEM_SCHEMA: Schema = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string", "description": "The status in words, translated."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "code": {"type": "string", "description": "What programs read: it never changes."},
        "detail": {"type": "string", "description": "A sentence for people, translated."},
        "errors": {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/FieldError"}},
    },
}
FIELD_ERROR_SCHEMA: Schema = {
    "type": "object",
    "description": "One fault in the body or the query.",
    "required": ["pointer", "code", "detail"],
    "properties": {
        "pointer": {"type": "string", "description": "A JSON pointer (RFC 6901) to the value; empty: the whole body."},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
}


def problem_responses(errors: Iterable[Error], registry: ComponentRegistry) -> dict[str, Schema]:
    """Return one response a status, which names each code once and has an example of it."""
    by_status: dict[int, dict[str, Problem]] = {}
    for error in errors:
        problem = describe(error() if isinstance(error, type) else error)
        if problem is None:
            raise TypeError(f"{error} is no problem that the API answers")
        by_status.setdefault(problem.status, {}).setdefault(problem.code, problem)
    component_ref(registry, ResolvedComponent.SCHEMA, "FieldError", FIELD_ERROR_SCHEMA)
    component_ref(registry, ResolvedComponent.SCHEMA, "Problem", PROBLEM_SCHEMA)
    return {str(status): _response(status, by_status[status], registry) for status in sorted(by_status)}


def _response(status: int, problems: dict[str, Problem], registry: ComponentRegistry) -> Schema:
    examples = {
        code: component_ref(
            registry, ResolvedComponent.EXAMPLE, code, {"summary": problem.detail, "value": problem.body()}
        )
        for code, problem in problems.items()
    }
    title = next(iter(problems.values())).body()["title"]
    headers = dict.fromkeys(name for problem in problems.values() for name in problem.headers)
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"status": {"const": status}, "code": {"enum": list(problems)}},
    }
    response = {
        "description": f"{title}: {', '.join(f'`{code}`' for code in problems)}",
        "headers": header_refs(headers, registry),
        "content": {CONTENT_TYPE: {"schema": schema, "examples": examples}},
    }
    if len(problems) > 1:
        return response
    return component_ref(registry, ResolvedComponent.RESPONSE, next(iter(problems)), response)
