"""A client of the real API, which speaks JSON and sends a bearer token."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from api.authentication import issue_access
from api.openapi.document import document


@dataclass(frozen=True)
class Answer:
    """A response of the server."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def problem(self) -> tuple[int, str | None, list[tuple[str, str]]]:
        """The machine-readable parts of a problem: status, code, and (pointer, code) of each error."""
        errors = [(error["pointer"], error["code"]) for error in self.body.get("errors", [])]
        return self.status, self.body.get("code"), errors


class ApiClient:
    """A caller of the API, who is anonymous if there is no user. Headers are keywords: `idempotency_key="1"`."""

    def __init__(self, user: User | None = None, *, authorization: str = "") -> None:
        bearer = f"Bearer {issue_access(user)}" if user else authorization
        self._client = Client(raise_request_exception=False, headers={"Authorization": bearer} if bearer else None)

    def get(self, path: str, *, headers: Any = None, **query: str) -> Answer:
        """Send a GET request."""
        return _answer(self._client.get(path, query, headers=headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a JSON value by POST."""
        return self.post_bytes(path, json.dumps(body).encode(), **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        """Send a JSON value by PATCH."""
        return _answer(
            self._client.patch(path, json.dumps(body), content_type="application/json", headers=_named(headers))
        )

    def post_bytes(self, path: str, body: bytes, *, content_type: str = "application/json", **headers: str) -> Answer:
        """Send the bytes unchanged."""
        return _answer(self._client.generic("POST", path, body, content_type=content_type, headers=_named(headers)))


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _answer(response: Any) -> Answer:
    answer = Answer(response.status_code, json.loads(response.content or "null"), response.headers)
    if response.headers.get("Content-Type") == "application/problem+json":
        _check_declared(response, answer.body["code"])
    return answer


def _check_declared(response: Any, code: str) -> None:
    """Fail if the OpenAPI document doesn't list the code for the call. The view's `raises` then lacks an error."""
    path = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", response.resolver_match.route)
    operation = document()["paths"].get(path, {}).get(response.wsgi_request.method.lower())
    if operation is None:  # a path or a method that the API doesn't have
        return
    listed = re.findall(r"`(\w+)`", _description(operation["responses"].get(str(response.status_code), {})))
    assert code in listed, f"{operation['operationId']} answered {response.status_code} {code}"


def _description(response: dict[str, Any]) -> str:
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return str(response.get("description", ""))
