"""Parts that many operations share. The document has each part once, under `components`."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from api.authentication import CHALLENGE
from api.idempotency import HEADER, REPLAY_HEADER
from api.openapi.schemas import TEXT, Schema


def _header(description: str, schema: Schema, **more: Any) -> Schema:
    return {"description": description, "required": True, "schema": schema, **more}


def _parameter(place: str, name: str, description: str, schema: Schema = TEXT) -> Schema:
    # No examples, because Swagger UI would send them with every call.
    return {"in": place, "name": name, "description": description, "schema": schema}


ETAG = "ETag"
LOCATION = "Location"
HEADERS: dict[str, Schema] = {
    "X-Request-ID": _header(
        "The id that the request sent, or a new one if it sent no valid id. Quote it when you report a problem.",
        {**TEXT, "pattern": "^[A-Za-z0-9-]{1,64}$"},
        example="0b2f3c5e-6f0c-4d3a-9a55-9d8b0f4f8a11",
    ),
    "Content-Language": _header("The language of the texts.", {"enum": [code for code, _name in settings.LANGUAGES]}),
    "Cache-Control": _header("`no-store` unless the operation says something else.", TEXT, example="no-store"),
    "WWW-Authenticate": _header("How to sign in.", {"const": CHALLENGE}),
    "Retry-After": _header("Seconds to wait before the next try.", {"type": "integer", "minimum": 1}),
    ETAG: _header("Names this state of the answer, for `If-None-Match` and `If-Match`.", TEXT, example='"3-0-live"'),
    LOCATION: _header("The path of what was created.", TEXT, example="/goals/6811c1a3f672c8b2cbdc2433"),
    REPLAY_HEADER: {
        "description": "Present if this is the answer to an earlier request with the same key.",
        "schema": {"const": "true"},
    },
}
IN_EVERY_ANSWER = ("X-Request-ID", "Content-Language", "Cache-Control")
PARAMETERS: dict[str, Schema] = {
    "X-Request-ID": _parameter(
        "header",
        "X-Request-ID",
        "Your id for this request, 1 to 64 characters of `A-Z a-z 0-9 -`. Any other value is replaced.",
    ),
    "Accept-Language": _parameter("header", "Accept-Language", "The language of texts, unless `lang` names one."),
    "lang": _parameter(
        "query",
        "lang",
        "The language of texts, never of data: `en` or `zh-hant`. Any other language is ignored.",
    ),
}
IF_NONE_MATCH = _parameter("header", "If-None-Match", "An `ETag`. If the answer still has it, the status is 304.")
IF_MATCH = _parameter("header", "If-Match", "An `ETag`. If the goal no longer has it, the status is 412.")
KEY_PARAMETER = _parameter(
    "header",
    HEADER,
    "The same request with the same key gets the first 2xx answer again, for 24 hours.",
    {**TEXT, "pattern": "^[!-+\\--~]([ -+\\--~]{0,253}[!-+\\--~])?$"},
)
SCHEMAS: dict[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"const": "about:blank"},
            "title": {**TEXT, "description": "The status in words, translated."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "code": {"$ref": "#/components/schemas/ErrorCode"},
            "detail": {**TEXT, "description": "A sentence for people, translated."},
            "errors": {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/FieldError"}},
        },
    },
    # `name_parts` adds the codes that operations can return.
    "ErrorCode": {**TEXT, "description": "What went wrong, for programs. The meaning of a code never changes."},
    "FieldError": {
        "type": "object",
        "description": "One fault in the body or the query.",
        "required": ["pointer", "code", "detail"],
        "properties": {
            "pointer": {
                **TEXT,
                "description": "A JSON pointer (RFC 6901) to the value. An empty pointer means the whole body.",
            },
            "code": TEXT,
            "detail": TEXT,
        },
    },
}
COMPONENTS = {"headers": HEADERS, "parameters": PARAMETERS, "schemas": SCHEMAS}


def refs(kind: str, names: Iterable[str]) -> dict[str, Schema]:
    """Return references to components, by their names."""
    return {name: {"$ref": f"#/components/{kind}/{name}"} for name in names}


def constant_headers(values: Mapping[str, str]) -> Schema:
    """Return headers that always have these values."""
    return {name: {"required": True, "schema": {"const": value}} for name, value in values.items()}
