"""A request and its response, as the loopback servers see them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class LoopbackRequest:
    """A request as it arrived, at `at` (Unix seconds).

    `target` is the raw path with its query. The names of headers are in lower case.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @cached_property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, str]:
        """The decoded query parameters."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def json_object(self) -> dict[str, Any] | None:
        """Return the body as a JSON object; None if it is anything else."""
        try:
            parsed = json.loads(self.body)
        except ValueError:
            return None
        return parsed if isinstance(parsed, dict) else None


@dataclass(frozen=True)
class Answer:
    """The response to a request. If it has a `reason`, it counts as a rejection."""

    status: int
    body: bytes
    content_type: str = "application/json"
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
