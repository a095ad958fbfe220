"""Every call that the API has, read from the urls; the admin's pages and the catch-all are none."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from api.permissions import in_words

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Call:
    """A method and a path (`/goals/{goal_id}`), the view that serves it, and its name in the view's `access`."""

    method: str
    path: str
    view: Any
    name: str

    @property
    def who(self) -> str:
        """Who may make it, in words."""
        return in_words(self.view.access[self.name])


def calls() -> Iterator[Call]:
    """Yield the calls in the order of the urls."""
    for path, callback in _routes(get_resolver().url_patterns, "/"):
        view: Any = getattr(callback, "cls", None)  # what DRF's views have
        if view is None or path == "/":
            continue
        actions: dict[str, str] = getattr(callback, "actions", None) or {
            method: method for method in METHODS if hasattr(view, method)
        }
        for method in METHODS:
            if method in actions:
                yield Call(method.upper(), re.sub(r"<\w+:(\w+)>", r"{\1}", path), view, actions[method])


def _routes(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = f"{prefix}{pattern.pattern}"
        match pattern:
            case URLResolver():
                yield from _routes(pattern.url_patterns, path)
            case URLPattern():
                yield path, pattern.callback
