"""The OpenAPI document: made of the views and the rooms' `schema.py`, once a process."""

from functools import cache
from typing import Any

from django.utils import translation
from django.utils.module_loading import autodiscover_modules
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from rest_framework.exceptions import NotAuthenticated

from api.idempotency import IdempotencyKeyReused
from api.openapi.problems import INVALID, problem_responses

DOCUMENT_LANGUAGE = "en"
# First, for these codes have a special text in some operation: there the example stands by itself.
GENERAL = (NotAuthenticated, IdempotencyKeyReused, INVALID)


class DocumentGenerator(SchemaGenerator):
    """Reads what the rooms say before it looks at their views; `manage.py spectacular` uses it too."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
        """Return the document, the same in whichever language it is asked for."""
        from api.openapi import fields  # noqa: F401, PLC0415 - registers our fields with spectacular

        autodiscover_modules("schema")
        with translation.override(DOCUMENT_LANGUAGE):
            problem_responses(GENERAL, self.registry)
            document: dict[str, Any] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        return document


@cache
def document() -> dict[str, Any]:
    """Return the document. It takes a third of a second the first time."""
    return DocumentGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]


@cache
def document_as_json() -> bytes:
    """Return the document as JSON text."""
    return bytes(OpenApiJsonRenderer().render(document(), renderer_context={}))


@cache
def document_as_yaml() -> bytes:
    """Return the document as YAML text, as `docs/openapi.yaml` holds it."""
    return bytes(OpenApiYamlRenderer().render(document()))
