"""The paths of this room."""

from django.urls import path

from notifications.views import PusherAuthView

urlpatterns = [path("pusher/auth", PusherAuthView.as_view(), name="pusher-auth")]
