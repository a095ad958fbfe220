"""Puts faults into valid bodies, and checks that a refused request writes nothing."""

import copy
from typing import Any

from tests.factories.bodies import Body
from tests.factories.client import Answer, ApiClient
from tests.factories.documents import everything_stored

MISSING = object()
Problem = tuple[int, str | None, list[tuple[str, str]]]


def with_fault(body: Body, pointer: str, value: Any) -> Any:
    """Return a copy of the body with the value at the JSON pointer. MISSING removes the field."""
    changed: Any = copy.deepcopy(body)
    if not pointer:
        return value
    *parents, last = pointer.removeprefix("/").split("/")
    parent = changed
    for name in parents:
        parent = parent[int(name) if isinstance(parent, list) else name]
    key = int(last) if isinstance(parent, list) else last
    if value is MISSING:
        del parent[key]
    else:
        parent[key] = value
    return changed


def refusal(client: ApiClient, path: str, body: Any, **headers: str) -> Problem:
    """Post the body and check that nothing was written. Return the problem of the response."""
    return refusal_of(lambda: client.post(path, body, **headers))


def refusal_of(send: Any) -> Problem:
    """Send the request and check that nothing was written. Return the problem of the response."""
    before = everything_stored()
    answer: Answer = send()
    assert everything_stored() == before
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.problem
