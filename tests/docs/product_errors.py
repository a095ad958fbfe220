"""Every error that the product raises on purpose."""

import importlib
from collections.abc import Iterator

from config.errors import ProductError
from tests.docs.markdown import ROOT

ROOMS = ("analytics", "api", "config", "goals", "notifications", "ops", "sessions_app", "showgoals", "taskqueue")


def product_errors() -> set[type[ProductError]]:
    """Import whatever has errors, and return their classes."""
    for source in (source for room in ROOMS for source in (ROOT / room).rglob("*.py")):
        if "config.errors" in source.read_text(encoding="utf-8"):
            module = ".".join(source.relative_to(ROOT).with_suffix("").parts)
            importlib.import_module(module.removesuffix(".__init__"))
    return {error for error in _with_subclasses(ProductError) if error.__module__.startswith(ROOMS)}


def _with_subclasses(error: type[ProductError]) -> Iterator[type[ProductError]]:
    yield error
    for subclass in error.__subclasses__():
        yield from _with_subclasses(subclass)
