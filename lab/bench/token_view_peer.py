"""The peers of the session token view. They authenticate in the same way, and always return the same bytes."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from rest_framework.request import Request

from api.access import SIGNED_IN
from api.authentication import BearerAuthentication
from api.views import ApiView

DJANGO_PATH, DRF_PATH = "/bench/bare-django", "/bench/bare-drf"

# A response of the measured view; `bench token_view` sets it.
answer: list[bytes] = [b"{}"]


def bare_django_view(request: HttpRequest) -> HttpResponse:
    """Authenticate the caller, then return the bytes."""
    BearerAuthentication().authenticate(Request(request))
    return _same_bytes()


class BareView(ApiView):
    """The same view, with everything that DRF does for a view."""

    access = {"get": (SIGNED_IN,)}

    def get(self, _request: Request) -> HttpResponse:
        """Return the bytes."""
        return _same_bytes()


def _same_bytes() -> HttpResponse:
    return HttpResponse(answer[0], content_type="application/json", headers={"Cache-Control": "private, no-store"})


urlpatterns: list[URLPattern | URLResolver] = [
    path(DJANGO_PATH[1:], bare_django_view),
    path(DRF_PATH[1:], BareView.as_view()),
    path("", include("config.urls")),
]
