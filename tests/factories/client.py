"""A client of the real API: JSON in, JSON out, a Bearer token."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from api.authentication import issue_access


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def problem(self) -> tuple[int, str | None, list[tuple[str, str]]]:
        """What programs read of a problem: status, code, (pointer, code) of each error."""
        errors = [(error["pointer"], error["code"]) for error in self.body.get("errors", [])]
        return self.status, self.body.get("code"), errors


class ApiClient:
    """Somebody who calls the API; without a user nobody in particular. Keyword headers: `idempotency_key="1"`."""

    def __init__(self, user: User | None = None, *, authorization: str = "") -> None:
        bearer = f"Bearer {issue_access(user)}" if user else authorization
        self._client = Client(raise_request_exception=False, headers={"Authorization": bearer} if bearer else None)

    def get(self, path: str, **query: str) -> Answer:
        """Ask."""
        return _answer(self._client.get(path, query))

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a JSON value."""
        return self.post_bytes(path, json.dumps(body).encode(), **headers)

    def patch(self, path: str, body: Any) -> Answer:
        """Send a JSON value that changes something."""
        return _answer(self._client.patch(path, json.dumps(body), content_type="application/json"))

    def post_bytes(self, path: str, body: bytes, *, content_type: str = "application/json", **headers: str) -> Answer:
        """Send the bytes as they are."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return _answer(self._client.generic("POST", path, body, content_type=content_type, headers=named))


def _answer(response: Any) -> Answer:
    return Answer(response.status_code, json.loads(response.content), response.headers)
