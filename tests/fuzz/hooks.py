"""What schemathesis checks besides its own: no header and no field that the document doesn't have."""

import time
from http import HTTPStatus
from typing import Any

import schemathesis

# Of HTTP, of Django's and of gunicorn's, on whatever they fit; docs/api.md and the document leave them out.
OF_THE_TRANSPORT = frozenset(
    {
        *("allow", "connection", "content-length", "content-type", "date", "server", "transfer-encoding", "vary"),
        *("cross-origin-opener-policy", "referrer-policy", "x-content-type-options", "x-frame-options"),
        *("content-security-policy", "permissions-policy", "strict-transport-security"),
    }
)

ANSWERS = frozenset({"Contribution", "FeedGoal", "FeedRow", "Goal", "Session", "Timeline"})
MOMENTS = (("ShowGoalBody", "nbf"), ("MoveShowBody", "nbf"), ("ShowFundingGoalBody", "exp"))
A_YEAR = 364 * 24 * 60 * 60


@schemathesis.check
def no_undocumented_header(ctx: Any, response: Any, case: Any) -> None:
    """Every header is one of the transport's, or the document has it for this answer."""
    documented = case.operation.responses.find_by_status_code(response.status_code)
    if documented is None:
        return  # another check's
    known = OF_THE_TRANSPORT | {name.lower() for name, _header in documented.headers.items()}
    unknown = sorted({name.lower() for name in response.headers} - known)
    assert not unknown, f"not in the document: {', '.join(unknown)}"


@schemathesis.hook
def filter_failure(ctx: Any, failure: Any, case: Any, response: Any) -> bool:
    """Leave out addresses that are too long: gunicorn refuses them, as tests/api/test_over_gunicorn.py sees."""
    return bool(response.status_code != HTTPStatus.REQUEST_URI_TOO_LONG)


@schemathesis.hook
def before_load_schema(ctx: Any, raw_schema: dict[str, Any]) -> None:
    """Say what the document leaves open, or can't say."""
    schemas = raw_schema["components"]["schemas"]
    for name in ANSWERS & schemas.keys():  # fields may be added, so consumers find them open
        schemas[name]["additionalProperties"] = False
    a_year_ahead = int(time.time()) + A_YEAR
    for name, moment in MOMENTS:
        schemas[name]["properties"][moment]["maximum"] = a_year_ahead


@schemathesis.hook
def map_body(ctx: Any, body: Any) -> Any:
    """Send 60 for 60.0: to JSON Schema that is an integer too, to us it isn't."""
    match body:
        case dict():
            return {name: map_body(ctx, value) for name, value in body.items()}
        case list():
            return [map_body(ctx, value) for value in body]
        case float() if body.is_integer():
            return int(body)
    return body
