"""What a room says about its operations. Its `schema.py` holds that, so the views stay readable."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

Error = type[Exception] | Exception
# Under this name spectacular hands the declaration on to ApiSchema, which takes it out again.
DECLARED = "x-declared"
JSON = "application/json"


class Key(Enum):
    """What an operation makes of an `Idempotency-Key`."""

    IGNORED = "ignored"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What spectacular has no word for. Errors are named by class, or by instance where a class alone can't say it."""

    errors: tuple[Error, ...] = ()
    key: Key = Key.IGNORED
    headers: Mapping[str, str] = field(default_factory=dict)  # of the good answer: name -> what it always says
    uses_database: bool = True
    body_is_optional: bool = False  # no body at all is as good as {}


def describe_view(view: type, **methods: Callable[..., Any]) -> None:
    """Say of a view's methods (of a viewset: actions) what they are."""
    for name, describe in methods.items():
        setattr(view, name, describe(getattr(view, name)))


def described(
    *,
    operation_id: str,
    tag: str,
    summary: str,
    description: str,
    answer: Any,
    status: int = 200,
    media_types: tuple[str, ...] = (JSON,),
    body: Any = None,
    parameters: Sequence[OpenApiParameter] = (),
    examples: Sequence[OpenApiExample] = (),
    declared: Declared | None = None,
) -> Callable[..., Any]:
    """Return a decorator for a view's method. `body` and `answer` are serializers or schemas."""
    return extend_schema(
        operation_id=operation_id,
        tags=[tag],
        summary=summary,
        description=description,
        request=body,
        parameters=list(parameters),
        responses={(status, *media_types): OpenApiResponse(answer, description=_ANSWERED.get(status, "Done."))},
        examples=list(examples),
        extensions={DECLARED: declared or Declared()},
    )


def sent(name: str, value: Any, **more: Any) -> OpenApiExample:
    """Return an example of a request's body."""
    return OpenApiExample(name, value=value, request_only=True, **more)


def answered(name: str, value: Any, **more: Any) -> OpenApiExample:
    """Return an example of a good answer."""
    return OpenApiExample(name, value=value, response_only=True, **more)


def query(name: str, description: str, **more: Any) -> OpenApiParameter:
    """Return a parameter of the query."""
    return OpenApiParameter(name, location=OpenApiParameter.QUERY, description=description, **more)


_ANSWERED = {201: "Created."}
