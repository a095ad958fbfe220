"""The streamer's and the payer's page of a show.

Each page is a static shell, the same for every id and caller. Its script signs the user in. The answers to the script's
API calls decide what the page shows.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import get_language
from rest_framework.request import Request

from api.access import ANYONE
from api.schema_views import Html
from api.views import PublicView
from pages.payers_texts import PAYERS_TEXTS
from pages.policy import policy
from pages.shared_texts import SHARED_TEXTS
from pages.streamers_texts import STREAMERS_TEXTS

Texts = Mapping[str, Any]
# Browsers cache a page for as long as its scripts, so after a minute the page and the scripts are of the same release.
CACHE_CONTROL = "public, max-age=60"


class Page(PublicView):
    """A shell in the language of the request."""

    access = {"get": (ANYONE,)}
    renderer_classes = (Html,)
    template: ClassVar[str]
    texts: ClassVar[Texts]

    def get(self, request: Request, goal_id: str) -> HttpResponse:
        """Return the shell."""
        del goal_id
        context = {
            "language": get_language(),
            "languages": settings.LANGUAGES,
            "texts": {**SHARED_TEXTS, **self.texts},
            "pusher_js": settings.PUSHER_JS_URL,
            "integrity": settings.PUSHER_JS_INTEGRITY,
        }
        headers = {"Content-Security-Policy": policy(), "Cache-Control": CACHE_CONTROL}
        return HttpResponse(render_to_string(self.template, context), headers=headers)


class LivePage(Page):
    """`GET /shows/{goal_id}`."""

    template = "pages/live.html"
    texts = STREAMERS_TEXTS

    def get(self, request: Request, goal_id: str) -> HttpResponse:
        """Get the streamer's page.

        This is the page of a show for its streamer. The path takes the id of the show or of its funding goal. The page
        is the same for every id and caller. Its script signs the user in.
        """
        return super().get(request, goal_id)


class WatchPage(Page):
    """`GET /watch/{goal_id}`."""

    template = "pages/watch.html"
    texts = PAYERS_TEXTS

    def get(self, request: Request, goal_id: str) -> HttpResponse:
        """Get the payer's page.

        This is the page of a show for those who have paid. The path takes the id of the show or of its funding goal.
        The page is the same for every id and caller. Its script signs the user in.
        """
        return super().get(request, goal_id)
