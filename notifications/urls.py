"""The URL paths of this app."""

from django.urls import path

from notifications.fanout.views import ReceivedView, RedeliverView, ViewerView
from notifications.payers.views import DeliveriesView, PayersView
from notifications.views import PusherAuthView, RealtimeView
from notifications.webhook import PusherWebhook

urlpatterns = [
    path("realtime", RealtimeView.as_view(), name="realtime"),
    path("pusher/auth", PusherAuthView.as_view(), name="pusher-auth"),
    path("pusher/webhook", PusherWebhook.as_view(), name="pusher-webhook"),
    path("goals/<str:goal_id>/payers", PayersView.as_view(), name="payers"),
    path("goals/<str:goal_id>/deliveries", DeliveriesView.as_view(), name="deliveries"),
    path("goals/<str:goal_id>/received", ReceivedView.as_view(), name="received"),
    path("goals/<str:goal_id>/redeliver", RedeliverView.as_view(), name="redeliver"),
    path("goals/<str:goal_id>/viewers/<str:viewer_id>", ViewerView.as_view(), name="viewer"),
]
