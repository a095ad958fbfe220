"""`docs/api.md` is complete: every endpoint, every error code."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from config.errors import ProductError
from tests.docs.markdown import in_code, table_rows
from tests.docs.product_errors import product_errors

PAGE = "docs/api.md"
METHODS = ("get", "post", "put", "patch", "delete")
INTERNAL = {"transport_error", "show_cannot_be_announced", "invalid_stream_token"}
CALL = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)")


def test_api_page_lists_each_endpoint_and_no_other() -> None:
    calls = [match for row in table_rows(PAGE) if (match := CALL.fullmatch(in_code(row[0])[0]))]

    assert {(call[1], _anonymous(call[2].partition("?")[0])) for call in calls} == set(_endpoints())


def test_api_page_lists_each_error_code_with_its_status() -> None:
    listed = {(in_code(code)[0], int(status)) for code, status, *_rest in table_rows(PAGE) if status.isdecimal()}
    answered = {(error.code, error.status) for error in product_errors() if not _is_internal(error)}

    assert answered - listed == set()


def test_api_page_lists_the_codes_that_are_never_answered() -> None:
    listed = {in_code(row[0])[0] for row in table_rows(PAGE)}

    assert {error.code for error in product_errors() if _is_internal(error)} - listed == set()


def _is_internal(error: type[ProductError]) -> bool:
    return error.code in INTERNAL or error.__module__.startswith("ops.")


def _endpoints() -> Iterator[tuple[str, str]]:
    """Yield (method, path) of every view that we route, the admin's and the catch-all left out."""
    for path, view in _routes(get_resolver().url_patterns):
        if path == "/" or path.startswith("/admin"):
            continue
        actions: dict[str, str] = getattr(view, "actions", None) or {}
        for method in METHODS:
            if method in actions or (not actions and hasattr(view.cls, method)):
                yield method.upper(), _anonymous(path)


def _anonymous(path: str) -> str:
    """Return the path with each parameter as {id}."""
    return re.sub(r"<\w+:\w+>|{\w+}", "{id}", path)


def _routes(patterns: Any, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = f"{prefix}{pattern.pattern}"
        match pattern:
            case URLResolver():
                yield from _routes(pattern.url_patterns, path)
            case URLPattern():
                yield path, pattern.callback
