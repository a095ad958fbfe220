"""What a room's `schema.py` says about its operations.

Their texts are the docstrings of the views' methods, their examples stand in config/openapi_examples.yaml.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import yaml
from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

EXAMPLES_FILE = "config/openapi_examples.yaml"
JSON = "application/json"
NO_STORE = {"Cache-Control": "private, no-store"}


def describe(view: type, tag: str, **operations: Callable[[Any, str], None]) -> None:
    """Describe a view's methods (of a viewset: its actions)."""
    for name, annotate in operations.items():
        annotate(getattr(view, name), tag)


def operation(
    operation_id: str,
    answer: Any,
    *,
    body: Any = None,
    body_is_optional: bool = False,
    parameters: Sequence[OpenApiParameter] = (),
    status: int = 200,
    media_types: tuple[str, ...] = (JSON,),
    headers: Mapping[str, str] | None = None,
    uses_database: bool = True,
    has_etag: bool = False,
) -> Callable[[Any, str], None]:
    """Return what `describe` does with a method. `body` and `answer` are serializers or schemas.

    `headers` are those of the good answer that always have the same value. With `has_etag` it has an `ETag` too: a GET
    takes `If-None-Match`, any other method `If-Match`.
    """

    def annotate(method: Any, tag: str) -> None:
        extend_schema(
            operation_id=operation_id,
            tags=[tag],
            request=body,
            parameters=list(parameters),
            responses={(status, *media_types): answer},
            examples=list(_examples(operation_id, media_types[0])),
        )(method)
        schema = method.kwargs["schema"]  # the subclass of ApiSchema that spectacular has made for the method
        schema.constant_headers, schema.uses_database = headers or {}, uses_database
        schema.has_etag = has_etag
        schema.body_is_optional = body_is_optional

    return annotate


def query(name: str, description: str, **more: Any) -> OpenApiParameter:
    """Return a parameter of the query."""
    return OpenApiParameter(name, location=OpenApiParameter.QUERY, description=description, **more)


def header(name: str, description: str) -> OpenApiParameter:
    """Return a header of the request."""
    return OpenApiParameter(name, location=OpenApiParameter.HEADER, description=description)


@cache
def examples() -> dict[str, Any]:
    """Return the examples of each operation, `{sent: {name: body}, answered: {name: body}}`; `events` are by field."""
    return dict(yaml.safe_load((settings.BASE_DIR / EXAMPLES_FILE).read_text(encoding="utf-8")))


def _examples(operation_id: str, media_type: str) -> Iterator[OpenApiExample]:
    of_operation = examples().get(operation_id, {})
    for name, value in of_operation.get("sent", {}).items():
        yield OpenApiExample(name, value=value, request_only=True)
    for name, value in of_operation.get("answered", {}).items():
        yield OpenApiExample(name, value=value, response_only=True, media_type=media_type)
