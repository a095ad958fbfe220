"""`GET /schema`: the OpenAPI document. `GET /docs`: its page."""

from contextlib import suppress
from typing import Any

from django.http import Http404, HttpResponse
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from api.access import ANYONE
from api.views import PublicView

CACHE_CONTROL = "public, max-age=300"


# These renderers name the media types of a view. They render only problems, which are JSON.
class Yaml(JSONRenderer):
    media_type = "application/yaml"
    format = "yaml"


class OpenApiJson(JSONRenderer):
    media_type = "application/vnd.oai.openapi+json"


class OpenApiYaml(Yaml):
    media_type = "application/vnd.oai.openapi"


class Html(JSONRenderer):
    media_type = "text/html"
    format = "html"


class BestForm(DefaultContentNegotiation):
    """Chooses the renderer by `?format=` and `Accept`. If none fits, it takes the first; ApiView later returns 406."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the renderer and its media type."""
        with suppress(NotAcceptable, Http404):
            return super().select_renderer(request, renderers, format_suffix)
        return renderers[0], renderers[0].media_type


class SchemaView(PublicView):
    """The document as JSON, or as YAML if `Accept` or `?format=yaml` asks for it."""

    access = {"get": (ANYONE,)}
    renderer_classes = (JSONRenderer, Yaml, OpenApiJson, OpenApiYaml)
    content_negotiation_class = BestForm

    def get(self, request: Request) -> HttpResponse:
        """Get this document.

        The document is JSON, or YAML if `Accept` or `format` asks for it.
        """
        from api.openapi import document  # noqa: PLC0415 - spectacular is large, and most processes don't need it

        form: Any = request.accepted_renderer
        if request.query_params.get("format", form.format) != form.format:
            raise NotAcceptable
        text = document.document_as_yaml() if isinstance(form, Yaml) else document.document_as_json()
        return HttpResponse(text, content_type=form.media_type, headers={"Cache-Control": CACHE_CONTROL})


class DocsView(PublicView):
    """The page on which people read the document and try its operations."""

    access = {"get": (ANYONE,)}
    renderer_classes = (Html,)

    def get(self, request: Request) -> HttpResponse:
        """Get this document as a page.

        The page's scripts and styles come from this server, so the page works without the internet.
        """
        from api.openapi.page import page_as_html  # noqa: PLC0415 - see above

        return HttpResponse(page_as_html())
