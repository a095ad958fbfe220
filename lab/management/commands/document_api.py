"""`manage.py document_api`: writes into docs/api.md who may make each call, and the tables of error codes."""

import importlib
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from rest_framework.exceptions import MethodNotAllowed

from api import error_pages
from api.access import routes
from api.openapi.document import document
from config.errors import ProductError

ROOMS = (
    *("analytics", "api", "config", "desk", "goals", "lab", "mongodb", "notifications", "ops", "pages", "sessions_app"),
    *("showgoals", "taskqueue", "webhooks"),
)
# The meanings of Django's and DRF's errors. The meanings of ours are the first paragraphs of their docstrings.
MEANINGS = {
    "error": "A fault of the server.",
    "invalid": "A value in the body or a filter is wrong. `errors` says which.",
    "method_not_allowed": "The path does not support this method.",
    "not_acceptable": "The server cannot answer in a type that `Accept` (or `format` of `/schema`) allows.",
    "not_authenticated": "The access token is missing, invalid or expired.",
    "not_found": "The path does not exist, or contains a malformed id.",
    "permission_denied": "The vendor has not signed its callback, or the admin refuses.",
    "throttled": "Too many requests. See `Retry-After`.",
    "repeated_parameter": "The query has a parameter more than once.",
    "unknown_field": "The body has unknown or read-only fields, and no other fault.",
    "unsupported_media_type": "The body is not `application/json`.",
}
# A row such as | `GET /goals/{id}` | who |, with a query or without.
_CALL = re.compile(r"^\| `(?P<method>[A-Z]+) (?P<path>/[^?`]*)(?P<query>[^`]*)` \| [^|]* \|", re.MULTILINE)
_ANSWERED = re.compile(r"(?<=^\| Code \| Status \| Means \|\n\|---\|---\|---\|\n)(?:\|.*\n)*", re.MULTILINE)
_NEVER_ANSWERED = re.compile(r"(?<=^\| Code \| Means \|\n\|---\|---\|\n)(?:\|.*\n)*", re.MULTILINE)


class Command(BaseCommand):
    help = "Write into docs/api.md who may make each call, and which errors there are."

    def handle(self, **_options: Any) -> None:
        """Write the page, and say whether the page has changed."""
        page = settings.BASE_DIR / "docs" / "api.md"
        before = page.read_text(encoding="utf-8")
        page.write_text(after := with_errors(with_who(before)), encoding="utf-8")
        self.stdout.write(f"{page}: {'unchanged' if after == before else 'written'}")


def with_who(page: str) -> str:
    """Return the page. The second column of its tables of calls names the callers that each view's `access` allows."""
    who = {_anonymous(f"{call.method} {call.path}"): call.who for call in routes()}

    def row(found: re.Match[str]) -> str:
        call = f"{found['method']} {found['path']}"
        return f"| `{call}{found['query']}` | {who.get(_anonymous(call), 'nobody')} |"

    return _CALL.sub(row, page)


def with_errors(page: str) -> str:
    """Return the page with its two tables: the codes that a call can return, and all other codes."""
    texts = _texts()
    answered = {code: str(status) for code, status in sorted(_answered(), key=lambda each: (each[1], each[0]))}
    rows = [f"| `{code}` | {status} | {' '.join(texts[code])} |\n" for code, status in answered.items()]
    others = [f"| `{code}` | {' '.join(texts[code])} |\n" for code in sorted(texts.keys() - answered.keys())]
    page = _ANSWERED.sub(lambda _old: "".join(rows), page)
    return _NEVER_ANSWERED.sub(lambda _old: "".join(others), page)


def product_errors() -> set[type[ProductError]]:
    """Return the classes of our own errors, after importing the modules that define them."""
    for source in (source for room in ROOMS for source in (settings.BASE_DIR / room).rglob("*.py")):
        if "config.errors" in source.read_text(encoding="utf-8"):
            module = ".".join(source.relative_to(settings.BASE_DIR).with_suffix("").parts)
            importlib.import_module(module.removesuffix(".__init__"))
    return {error for error in _with_subclasses(ProductError) if error.__module__.startswith(ROOMS)}


def _answered() -> Iterator[tuple[str, int]]:
    """Yield the code and status of each error that operations return, or that occurs before an operation is found."""
    for code, example in document()["components"]["examples"].items():
        yield code, example["value"]["status"]
    yield MethodNotAllowed.default_code, MethodNotAllowed.status_code
    yield ProductError.code, ProductError.status
    yield from ((each.code, each.status) for each in product_errors() if each.__module__ == error_pages.__name__)


def _texts() -> dict[str, list[str]]:
    """Return the sentences about each code. Several errors may share a code."""
    texts = defaultdict(list, {code: [text] for code, text in MEANINGS.items()})
    for error in sorted(product_errors() - {ProductError}, key=lambda error: error.__qualname__):
        if "code" in vars(error):
            texts[error.code].append(" ".join((inspect.getdoc(error) or "").split("\n\n")[0].split()))
    return texts


def _with_subclasses(error: type[ProductError]) -> Iterator[type[ProductError]]:
    yield error
    for subclass in error.__subclasses__():
        yield from _with_subclasses(subclass)


def _anonymous(call: str) -> str:
    """Return the call with `{}` for each parameter, because the docs and the URL patterns use different names."""
    return re.sub(r"{\w+}", "{}", call)
