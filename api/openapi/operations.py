"""The functions with which an app's `schema.py` describes its operations.

The texts of the operations are the docstrings of the views' methods. The examples are in config/openapi_examples.yaml.
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
    """Describe the methods of a view, or the actions of a viewset."""
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
    """Return the function that `describe` applies to a method. `body` and `answer` are serializers or schemas.

    `headers` are the headers of the successful response that always have the same value. With `has_etag`, the response
    has an `ETag`, a GET takes `If-None-Match`, and any other method takes `If-Match`.
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
    """Return the examples by operation: `{sent: {name: body}, answered: {name: body}}`.

    The entry `events` has examples by field.
    """
    return dict(yaml.safe_load((settings.BASE_DIR / EXAMPLES_FILE).read_text(encoding="utf-8")))


def _examples(operation_id: str, media_type: str) -> Iterator[OpenApiExample]:
    of_operation = examples().get(operation_id, {})
    for name, value in of_operation.get("sent", {}).items():
        yield OpenApiExample(name, value=value, request_only=True)
    for name, value in of_operation.get("answered", {}).items():
        yield OpenApiExample(name, value=value, response_only=True, media_type=media_type)
