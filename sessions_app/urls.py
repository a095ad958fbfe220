"""The URL paths of this app."""

from django.urls import path

from sessions_app.recordings.callbacks import BytePlusCallback
from sessions_app.views import LivestreamFeedView, SessionViewSet

urlpatterns = [
    path("sessions", SessionViewSet.as_view({"get": "list", "post": "create"}), name="sessions"),
    path("sessions/<str:session_id>", SessionViewSet.as_view({"get": "retrieve"}), name="session"),
    path("feeds/livestream", LivestreamFeedView.as_view(), name="livestream-feed"),
    path("byteplus/callback", BytePlusCallback.as_view(), name="byteplus-callback"),
]
