"""The paths of the pages."""

from django.urls import path

from pages.views import LivePage, WatchPage

urlpatterns = [
    path("shows/<str:goal_id>", LivePage.as_view(), name="live-page"),
    path("watch/<str:goal_id>", WatchPage.as_view(), name="watch-page"),
]
