"""The URL paths of this app."""

from django.urls import path

from webhooks.endpoint_views import AttemptsView, EndpointRedeliverView, EndpointsView, EndpointTestView, EndpointView
from webhooks.views import EventsView, EventView

urlpatterns = [
    path("events", EventsView.as_view(), name="events"),
    path("events/<str:event_id>", EventView.as_view(), name="event"),
    path("webhook-endpoints", EndpointsView.as_view(), name="webhook-endpoints"),
    path("webhook-endpoints/<str:endpoint_id>", EndpointView.as_view(), name="webhook-endpoint"),
    path("webhook-endpoints/<str:endpoint_id>/test", EndpointTestView.as_view(), name="webhook-test"),
    path("webhook-endpoints/<str:endpoint_id>/redeliver", EndpointRedeliverView.as_view(), name="webhook-redeliver"),
    path("webhook-endpoints/<str:endpoint_id>/attempts", AttemptsView.as_view(), name="webhook-attempts"),
]
