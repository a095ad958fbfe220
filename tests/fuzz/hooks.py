"""Our additional checks for schemathesis: every header and field must be in the OpenAPI document."""

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import schemathesis

# Headers of HTTP, Django and gunicorn, which docs/api.md and the OpenAPI document do not list.
OF_THE_TRANSPORT = frozenset(
    {
        *("allow", "connection", "content-length", "content-type", "date", "server", "transfer-encoding", "vary"),
        *("cross-origin-opener-policy", "referrer-policy", "x-content-type-options", "x-frame-options"),
        *("content-security-policy", "permissions-policy", "strict-transport-security"),
    }
)

ANSWERS = frozenset({"Contribution", "FeedGoal", "FeedRow", "Goal", "OwnContribution", "Payer", "Session", "Timeline"})
MOMENTS = (
    ("NewShow", "nbf"),
    ("MoveShowBody", "nbf"),
    ("NewShowFunding", "exp"),
    ("FundingChangeBody", "exp"),
)
A_YEAR = 364 * 24 * 60 * 60


@schemathesis.check
def no_undocumented_header(ctx: Any, response: Any, case: Any) -> None:
    """Check that the document has each header of this response, except those of the transport."""
    documented = case.operation.responses.find_by_status_code(response.status_code)
    if documented is None:
        return  # another check reports this
    known = OF_THE_TRANSPORT | {name.lower() for name, _header in documented.headers.items()}
    unknown = sorted({name.lower() for name in response.headers} - known)
    assert not unknown, f"not in the document: {', '.join(unknown)}"


@schemathesis.hook
def filter_failure(ctx: Any, failure: Any, case: Any, response: Any) -> bool:
    """Ignore the failures of requests whose URL is too long.

    tests/api/test_over_gunicorn.py checks that gunicorn refuses such requests.
    """
    return bool(response.status_code != HTTPStatus.REQUEST_URI_TOO_LONG)


@schemathesis.hook
def before_load_schema(ctx: Any, raw_schema: dict[str, Any]) -> None:
    """Add to the schema what the document leaves open, or cannot express."""
    schemas = raw_schema["components"]["schemas"]
    for name in ANSWERS & schemas.keys():  # the document allows additional fields, because later versions may add some
        schemas[name]["additionalProperties"] = False
    for response in _responses(raw_schema):
        problem = response.get("content", {}).get("application/problem+json")
        if problem:  # the names of the examples are the codes that the operation can return
            problem["schema"] = {"allOf": [problem["schema"]], "properties": {"code": {"enum": [*problem["examples"]]}}}
    for operation in _operations(raw_schema):
        body = operation.get("requestBody", {"required": True})
        for content in body["content"].values() if not body["required"] else ():
            # The server also accepts `null`. The document does not say so, for the sake of generated clients.
            content["schema"] = {"oneOf": [content["schema"], {"type": "null"}]}
    a_year_ahead = int(time.time()) + A_YEAR
    for name, moment in MOMENTS:
        schemas[name]["properties"][moment]["maximum"] = a_year_ahead


@schemathesis.hook
def map_body(ctx: Any, body: Any) -> Any:
    """Send 60 instead of 60.0, which JSON Schema regards as an integer, but the product does not."""
    match body:
        case dict():
            return {name: map_body(ctx, value) for name, value in body.items()}
        case list():
            return [map_body(ctx, value) for value in body]
        case float() if body.is_integer():
            return int(body)
    return body


def _responses(raw_schema: dict[str, Any]) -> Iterator[Any]:
    yield from raw_schema["components"]["responses"].values()
    for operation in _operations(raw_schema):
        yield from operation["responses"].values()


def _operations(raw_schema: dict[str, Any]) -> Iterator[Any]:
    for item in raw_schema["paths"].values():
        yield from item.values()
