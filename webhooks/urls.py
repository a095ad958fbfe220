"""The URL paths of this app."""

from django.urls import path

from webhooks.views import EventsView, EventView

urlpatterns = [
    path("events", EventsView.as_view(), name="events"),
    path("events/<str:event_id>", EventView.as_view(), name="event"),
]
