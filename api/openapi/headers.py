"""The headers and query parameters that belong to no single operation."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

from api.authentication import CHALLENGE
from api.idempotency import HEADER, REPLAY_HEADER
from api.openapi.components import component_ref

Schema = dict[str, Any]

ALWAYS = ("X-Request-ID", "Content-Language", "Cache-Control")
ANSWER_HEADERS: dict[str, Schema] = {
    "X-Request-ID": {
        "description": "The request's own, if it had a usable one, else a new one. Name it when you ask us something.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"},
        "example": "0b2f3c5e-6f0c-4d3a-9a55-9d8b0f4f8a11",
    },
    "Content-Language": {
        "description": "The language of the texts.",
        "required": True,
        "schema": {"enum": [code for code, _name in settings.LANGUAGES]},
    },
    "Cache-Control": {
        "description": "`no-store` unless the operation says something else.",
        "required": True,
        "schema": {"type": "string"},
        "example": "no-store",
    },
    "WWW-Authenticate": {"description": "How to sign in.", "required": True, "schema": {"const": CHALLENGE}},
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    REPLAY_HEADER: {
        "description": "There if this is the answer to an earlier request with the same key.",
        "schema": {"const": "true"},
    },
}
# Without examples: Swagger UI would send them with every call that somebody tries out.
REQUEST_PARAMETERS: dict[str, Schema] = {
    "X-Request-ID": {
        "in": "header",
        "name": "X-Request-ID",
        "description": "An id of yours for this request, 1 to 64 of `A-Z a-z 0-9 -`. Anything else is replaced.",
        "schema": {"type": "string"},
    },
    "Accept-Language": {
        "in": "header",
        "name": "Accept-Language",
        "description": "The language of texts, unless `lang` names one.",
        "schema": {"type": "string"},
    },
    "lang": {
        "in": "query",
        "name": "lang",
        "description": "The language of texts, never of data: `en` or `zh-hant`. What we don't speak is passed over.",
        "schema": {"type": "string"},
    },
}
KEY_PARAMETER: Schema = {
    "in": "header",
    "name": HEADER,
    "description": "The same key with the same request answers the first 2xx again, for 24 hours.",
    "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
}


def header_refs(names: Iterable[str], registry: ComponentRegistry) -> Schema:
    """Return the headers of one response: those of every answer, and these."""
    return {
        name: component_ref(registry, ResolvedComponent.HEADER, name, ANSWER_HEADERS[name])
        for name in (*ALWAYS, *names)
    }


def constant_headers(values: Mapping[str, str]) -> Schema:
    """Return headers that always say the same."""
    return {name: {"required": True, "schema": {"const": value}} for name, value in values.items()}


def parameter_refs(registry: ComponentRegistry) -> list[Schema]:
    """Return the parameters that every operation knows."""
    return [
        component_ref(registry, ResolvedComponent.PARAMETER, name, content)
        for name, content in REQUEST_PARAMETERS.items()
    ]
