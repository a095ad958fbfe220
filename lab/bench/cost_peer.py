"""The URL patterns of the product, and the peer of `bench api` at `/bare`."""

from django.urls import include, path

from lab.bench.api.peer_urls import BareView

urlpatterns = [path("bare", BareView.as_view()), path("", include("config.urls"))]
