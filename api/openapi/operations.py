"""What a room's `schema.py` says about its operations. Their texts are the docstrings of the views' methods."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

JSON = "application/json"
Examples = Mapping[str, Any]  # by what each of them shows
_MEANINGS = {201: "Created."}


def describe(view: type, tag: str, **operations: Callable[[Any, str], None]) -> None:
    """Describe a view's methods (of a viewset: its actions)."""
    for name, annotate in operations.items():
        annotate(getattr(view, name), tag)


def operation(
    operation_id: str,
    answer: Any,
    *,
    body: Any = None,
    sent: Examples | None = None,
    answered: Examples | None = None,
    parameters: Sequence[OpenApiParameter] = (),
    status: int = 200,
    media_types: tuple[str, ...] = (JSON,),
    headers: Mapping[str, str] | None = None,
    uses_database: bool = True,
    body_is_optional: bool = False,
) -> Callable[[Any, str], None]:
    """Return what `describe` does with a method.

    `body` and `answer` are serializers or schemas; `sent` and `answered` their examples. `headers` are those of the
    good answer that always have the same value.
    """
    examples = [
        *(OpenApiExample(name, value=value, request_only=True) for name, value in (sent or {}).items()),
        *(
            OpenApiExample(name, value=value, response_only=True, media_type=media_types[0])
            for name, value in (answered or {}).items()
        ),
    ]

    def annotate(method: Any, tag: str) -> None:
        extend_schema(
            operation_id=operation_id,
            tags=[tag],
            request=body,
            parameters=list(parameters),
            responses={(status, *media_types): OpenApiResponse(answer, description=_MEANINGS.get(status, "Done."))},
            examples=examples,
        )(method)
        schema = method.kwargs["schema"]  # the subclass of ApiSchema that spectacular has made for the method
        schema.constant_headers, schema.uses_database = headers or {}, uses_database
        schema.body_is_optional = body_is_optional

    return annotate


def query(name: str, description: str, **more: Any) -> OpenApiParameter:
    """Return a parameter of the query."""
    return OpenApiParameter(name, location=OpenApiParameter.QUERY, description=description, **more)
