"""The OpenAPI document. Each process makes it once."""

from functools import cache
from threading import Lock
from typing import Any

from django.utils import translation
from django.utils.module_loading import autodiscover_modules
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from api.openapi.names import name_parts
from api.openapi.problems import share_examples
from api.openapi.shared import COMPONENTS
from api.openapi.words import describe_properties

DOCUMENT_LANGUAGE = "en"
_generating = Lock()


class DocumentGenerator(SchemaGenerator):
    """Reads each app's `schema.py` before it inspects the views. `manage.py spectacular` also uses this class."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
        """Return the document, always in English."""
        autodiscover_modules("schema")
        for kind, contents in COMPONENTS.items():
            for name, content in contents.items():
                self.registry.register(ResolvedComponent(name=name, type=kind, schema=content, object=name))
        with translation.override(DOCUMENT_LANGUAGE):
            share_examples(self.registry)
            document: dict[str, Any] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        name_parts(document)
        describe_properties(document)
        return document


def document() -> dict[str, Any]:
    """Return the document. The first call takes a third of a second."""
    # drf-spectacular fails if two threads generate their first document concurrently.
    with _generating:
        return _document()


@cache
def _document() -> dict[str, Any]:
    return DocumentGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]


@cache
def document_as_json() -> bytes:
    """Return the document as JSON text."""
    return bytes(OpenApiJsonRenderer().render(document(), renderer_context={}))


@cache
def document_as_yaml() -> bytes:
    """Return the document as YAML text, as `docs/openapi.yaml` holds it."""
    return bytes(OpenApiYamlRenderer().render(document()))
